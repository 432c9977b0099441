"""``kubernetes:networking.k8s.io/v1:NetworkPolicy``."""

from collections.abc import Iterator
from typing import ClassVar

from typing_extensions import override

from sandbox.plugins.kubernetes.namespaced_object import NamespacedObject
from sandbox.plugins.property_values import PropertyMap, Unknown
from sandbox.plugins.provider import CheckFailure


class NetworkPolicy(NamespacedObject):
    """A NetworkPolicy, which the API server keeps and the sandbox's network doesn't enforce."""

    token = "kubernetes:networking.k8s.io/v1:NetworkPolicy"  # noqa: S105 - a type's name
    kind: ClassVar[str] = "NetworkPolicy"
    api_version: ClassVar[str] = "networking.k8s.io/v1"
    resource: ClassVar[str] = "networkpolicies"
    fields: ClassVar[frozenset[str]] = frozenset({"spec"})

    @override
    def wrong_content(self, inputs: PropertyMap) -> Iterator[CheckFailure]:
        if not isinstance(inputs.get("spec", {}), dict | Unknown):
            yield CheckFailure("spec", "expected an object")
