"""``kubernetes:cert-manager.io/v1:Certificate``."""

from typing import ClassVar

from sandbox.plugins.kubernetes.specified_object import SpecifiedObject


class Certificate(SpecifiedObject):
    """A Certificate of cert-manager, which the API server keeps if its kind is defined; nobody issues it."""

    token = "kubernetes:cert-manager.io/v1:Certificate"  # noqa: S105 - a type's name
    kind: ClassVar[str] = "Certificate"
    api_version: ClassVar[str] = "cert-manager.io/v1"
    resource: ClassVar[str] = "certificates"
