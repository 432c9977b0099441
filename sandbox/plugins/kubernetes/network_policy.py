"""``kubernetes:networking.k8s.io/v1:NetworkPolicy``."""

from typing import ClassVar

from sandbox.plugins.kubernetes.specified_object import SpecifiedObject


class NetworkPolicy(SpecifiedObject):
    """A NetworkPolicy, which the API server keeps and the sandbox's network doesn't enforce."""

    token = "kubernetes:networking.k8s.io/v1:NetworkPolicy"  # noqa: S105 - a type's name
    kind: ClassVar[str] = "NetworkPolicy"
    api_version: ClassVar[str] = "networking.k8s.io/v1"
    resource: ClassVar[str] = "networkpolicies"
