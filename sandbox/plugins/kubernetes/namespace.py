"""``kubernetes:core/v1:Namespace``."""

from typing import ClassVar
from urllib.parse import quote

from typing_extensions import override

from sandbox.plugins.kubernetes.object_type import KubernetesObject
from sandbox.plugins.property_values import PropertyMap


class Namespace(KubernetesObject):
    """A namespace; its id is its name."""

    token = "kubernetes:core/v1:Namespace"  # noqa: S105 - a type's name
    kind: ClassVar[str] = "Namespace"

    @override
    def collection(self, inputs: PropertyMap) -> str:
        return "/api/v1/namespaces"

    @override
    def path(self, identifier: str) -> str:
        return f"/api/v1/namespaces/{quote(identifier, safe='')}"

    @override
    def place(self, properties: PropertyMap) -> str:
        metadata = properties.get("metadata")
        return str(metadata.get("name", "")) if isinstance(metadata, dict) else ""

    @override
    def replaced_by(self, steps: tuple[str | int, ...], old: PropertyMap) -> bool:
        return steps[:2] == ("metadata", "name")
