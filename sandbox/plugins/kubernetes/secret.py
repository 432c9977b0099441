"""``kubernetes:core/v1:Secret``."""

import base64
import binascii
import threading
from collections.abc import Iterator
from typing import ClassVar

from typing_extensions import override

from sandbox.plugins.kubernetes.api import KubernetesApi
from sandbox.plugins.kubernetes.namespaced_object import NamespacedObject
from sandbox.plugins.property_differences import path_of
from sandbox.plugins.property_values import PropertyMap, PropertyValue, Unknown
from sandbox.plugins.property_values import Secret as SecretValue
from sandbox.plugins.provider import (
    Checked,
    CheckFailure,
    Created,
    EngineLog,
    Resource,
)


class Secret(NamespacedObject):
    """A Secret; its id is ``<namespace>/<name>``. Its data is secret in Pulumi whatever the program says.

    Other data replaces it, unless ``enableSecretMutable`` is set on the provider; an immutable Secret is
    replaced even then (https://github.com/pulumi/pulumi-kubernetes/pull/3164).
    """

    token = "kubernetes:core/v1:Secret"  # noqa: S105 - a type's name
    kind: ClassVar[str] = "Secret"
    resource: ClassVar[str] = "secrets"
    fields: ClassVar[frozenset[str]] = frozenset({"data", "immutable", "type"})

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
    def replaced_by(self, steps: tuple[str | int, ...], old: PropertyMap) -> bool:
        if steps[0] == "data":
            return not self._mutable or old.get("immutable") is True
        if steps[0] == "immutable":
            return old.get("immutable") is True
        return steps[0] == "type" or super().replaced_by(steps, old)

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
    def wrong_content(self, inputs: PropertyMap) -> Iterator[CheckFailure]:
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
