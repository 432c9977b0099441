"""A kind of Kubernetes object that has a specification beside its metadata, and nothing else."""

from collections.abc import Iterator
from typing import ClassVar

from typing_extensions import override

from sandbox.plugins.kubernetes.namespaced_object import NamespacedObject
from sandbox.plugins.property_values import PropertyMap, Unknown
from sandbox.plugins.provider import CheckFailure


class SpecifiedObject(NamespacedObject):
    """An object whose specification the API server judges."""

    fields: ClassVar[frozenset[str]] = frozenset({"spec"})

    @override
    def wrong_content(self, inputs: PropertyMap) -> Iterator[CheckFailure]:
        if not isinstance(inputs.get("spec", {}), dict | Unknown):
            yield CheckFailure("spec", "expected an object")
