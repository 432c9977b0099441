"""A kind of Kubernetes object that is in a namespace."""

from abc import abstractmethod
from collections.abc import Iterator
from typing import ClassVar
from urllib.parse import quote

from typing_extensions import override

from sandbox.plugins.kubernetes.object_type import KubernetesObject
from sandbox.plugins.property_values import PropertyMap, Unknown
from sandbox.plugins.provider import CheckFailure, not_implemented


class NamespacedObject(KubernetesObject):
    """An object of a namespace; its id is ``<namespace>/<name>``. Another name or namespace replaces it."""

    resource: ClassVar[str]
    """The kind's name in the paths of the API server."""
    metadata_fields: ClassVar[frozenset[str]] = KubernetesObject.metadata_fields | {"namespace"}
    # The namespace may be made by the same deployment.
    foretold_without: ClassVar[frozenset[str]] = KubernetesObject.foretold_without | {"NotFound"}

    @abstractmethod
    def wrong_content(self, inputs: PropertyMap) -> Iterator[CheckFailure]:
        """Return what is wrong with what is given beside the metadata."""

    @override
    def collection(self, inputs: PropertyMap) -> str:
        metadata = inputs.get("metadata")
        namespace = metadata.get("namespace") if isinstance(metadata, dict) else ""
        return self._collection(str(namespace))

    @override
    def path(self, identifier: str) -> str:
        namespace, _, name = identifier.partition("/")
        return f"{self._collection(namespace)}/{quote(name, safe='')}"

    def _collection(self, namespace: str) -> str:
        group = f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"
        return f"{group}/namespaces/{quote(namespace, safe='')}/{self.resource}"

    @override
    def place(self, properties: PropertyMap) -> str:
        metadata = properties.get("metadata")
        named = metadata if isinstance(metadata, dict) else {}
        return f"{named.get('namespace')}/{named.get('name')}"

    @override
    def replaced_by(self, steps: tuple[str | int, ...], old: PropertyMap) -> bool:
        return steps[:2] in {("metadata", "name"), ("metadata", "namespace")}

    @override
    def wrong_fields(self, inputs: PropertyMap) -> Iterator[CheckFailure]:
        metadata = inputs.get("metadata")
        if not isinstance(metadata, Unknown) and not (isinstance(metadata, dict) and "namespace" in metadata):
            reason = not_implemented("kubernetes", f"a {self.kind} without metadata.namespace")
            yield CheckFailure("metadata.namespace", reason)
        yield from self.wrong_content(inputs)
