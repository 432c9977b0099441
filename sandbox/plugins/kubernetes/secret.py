"""``kubernetes:core/v1:Secret``."""

import base64
import binascii
import threading
from collections.abc import Iterator
from typing import ClassVar
from urllib.parse import quote

from typing_extensions import override

from sandbox.plugins.kubernetes.api import KubernetesApi
from sandbox.plugins.kubernetes.object_type import KubernetesObject
from sandbox.plugins.property_differences import path_of
from sandbox.plugins.property_values import PropertyMap, PropertyValue, Unknown
from sandbox.plugins.property_values import Secret as SecretValue
from sandbox.plugins.provider import (
    Checked,
    CheckFailure,
    Created,
    EngineLog,
    Resource,
    not_implemented,
)


class Secret(KubernetesObject):
    """A Secret; its id is ``<namespace>/<name>``. Its data is secret in Pulumi whatever the program says.

    Other data replaces it, unless ``enableSecretMutable`` is set on the provider; an immutable Secret is
    replaced even then (https://github.com/pulumi/pulumi-kubernetes/pull/3164).
    """

    token = "kubernetes:core/v1:Secret"  # noqa: S105 - a type's name
    kind: ClassVar[str] = "Secret"
    fields: ClassVar[frozenset[str]] = frozenset({"data", "immutable", "type"})
    metadata_fields: ClassVar[frozenset[str]] = KubernetesObject.metadata_fields | {"namespace"}
    # The namespace may be made by the same deployment.
    foretold_without: ClassVar[frozenset[str]] = KubernetesObject.foretold_without | {"NotFound"}

    def __init__(
        self, api: KubernetesApi, log: EngineLog, cancelled: threading.Event, *, mutable: bool
    ) -> None:
        super().__init__(api, log, cancelled)
        self._mutable = mutable

    @override
    def check(self, resource: Resource, old_inputs: PropertyMap, new_inputs: PropertyMap) -> Checked:
        checked = super().check(resource, old_inputs, new_inputs)
        return Checked(self.marked(checked.inputs), checked.failures)

    @override
    def create(self, resource: Resource, inputs: PropertyMap, *, preview: bool) -> Created:
        created = super().create(resource, inputs, preview=preview)
        return Created(created.identifier, self.marked(created.state))

    @override
    def update(
        self, resource: Resource, identifier: str, state: PropertyMap, inputs: PropertyMap, *, preview: bool
    ) -> PropertyMap:
        return self.marked(super().update(resource, identifier, state, inputs, preview=preview))

    @override
    def collection(self, inputs: PropertyMap) -> str:
        metadata = inputs.get("metadata")
        namespace = metadata.get("namespace") if isinstance(metadata, dict) else ""
        return f"/api/v1/namespaces/{quote(str(namespace), safe='')}/secrets"

    @override
    def path(self, identifier: str) -> str:
        namespace, _, name = identifier.partition("/")
        return f"/api/v1/namespaces/{quote(namespace, safe='')}/secrets/{quote(name, safe='')}"

    @override
    def place(self, properties: PropertyMap) -> str:
        metadata = properties.get("metadata")
        named = metadata if isinstance(metadata, dict) else {}
        return f"{named.get('namespace')}/{named.get('name')}"

    @override
    def replaced_by(self, steps: tuple[str | int, ...], old: PropertyMap) -> bool:
        if steps[0] == "data":
            return not self._mutable or old.get("immutable") is True
        if steps[0] == "immutable":
            return old.get("immutable") is True
        return steps[0] == "type" or steps[:2] in {("metadata", "name"), ("metadata", "namespace")}

    @override
    def marked(self, properties: PropertyMap) -> PropertyMap:
        marked = dict(properties)
        if "data" in marked and not isinstance(marked["data"], SecretValue):
            marked["data"] = SecretValue(marked["data"])
        inputs = marked.get("__inputs")
        if isinstance(inputs, dict):
            marked["__inputs"] = self.marked(inputs)
        return marked

    @override
    def wrong_fields(self, inputs: PropertyMap) -> Iterator[CheckFailure]:
        metadata = inputs.get("metadata")
        if not isinstance(metadata, Unknown) and not (isinstance(metadata, dict) and "namespace" in metadata):
            reason = not_implemented("kubernetes", "a Secret without metadata.namespace")
            yield CheckFailure("metadata.namespace", reason)
        for name, python_type in (("type", str), ("immutable", bool), ("data", dict)):
            if not isinstance(inputs.get(name, python_type()), python_type | Unknown):
                yield CheckFailure(name, f"expected a {python_type.__name__}")
        data = inputs.get("data")
        for key, value in data.items() if isinstance(data, dict) else ():
            if not isinstance(value, Unknown) and not _is_base64(value):
                yield CheckFailure(path_of(("data", key)), "expected base64")


def _is_base64(value: PropertyValue) -> bool:
    try:
        base64.b64decode(str(value), validate=True)
    except binascii.Error:
        return False
    return isinstance(value, str)
