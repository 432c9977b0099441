"""``kubernetes:core/v1:ConfigMap``."""

from collections.abc import Iterator
from typing import ClassVar

from typing_extensions import override

from sandbox.plugins.kubernetes.namespaced_object import NamespacedObject
from sandbox.plugins.property_differences import path_of
from sandbox.plugins.property_values import PropertyMap, Unknown
from sandbox.plugins.provider import CheckFailure


class ConfigMap(NamespacedObject):
    """A ConfigMap; its id is ``<namespace>/<name>``. Other data replaces it (provider/pkg/provider/diff.go).

    The provider's setting ``enableConfigMapMutable``, with which it is updated, is refused here.
    """

    token = "kubernetes:core/v1:ConfigMap"  # noqa: S105 - a type's name
    kind: ClassVar[str] = "ConfigMap"
    resource: ClassVar[str] = "configmaps"
    fields: ClassVar[frozenset[str]] = frozenset({"data"})

    @override
    def replaced_by(self, steps: tuple[str | int, ...], old: PropertyMap) -> bool:
        return steps[0] == "data" or super().replaced_by(steps, old)

    @override
    def wrong_content(self, inputs: PropertyMap) -> Iterator[CheckFailure]:
        data = inputs.get("data", {})
        if not isinstance(data, dict | Unknown):
            yield CheckFailure("data", "expected an object")
        for key, value in data.items() if isinstance(data, dict) else ():
            if not isinstance(value, str | Unknown):
                yield CheckFailure(path_of(("data", key)), "expected a string")
