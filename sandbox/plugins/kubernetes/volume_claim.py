"""``kubernetes:core/v1:PersistentVolumeClaim``."""

from collections.abc import Iterator
from typing import ClassVar

from typing_extensions import override

from sandbox.plugins.kubernetes.specified_object import SpecifiedObject
from sandbox.plugins.property_values import PropertyMap, Unknown
from sandbox.plugins.provider import CheckFailure, not_implemented

SKIP_AWAIT = "pulumi.com/skipAwait"


class VolumeClaim(SpecifiedObject):
    """A claim that nobody waits for. Any other specification replaces it (provider/pkg/provider/diff.go).

    The real plugin waits until it is bound, unless an annotation says otherwise, without which it is refused
    here.
    """

    token = "kubernetes:core/v1:PersistentVolumeClaim"  # noqa: S105 - a type's name
    kind: ClassVar[str] = "PersistentVolumeClaim"
    resource: ClassVar[str] = "persistentvolumeclaims"
    heeded_annotations: ClassVar[frozenset[str]] = frozenset({SKIP_AWAIT})

    @override
    def replaced_by(self, steps: tuple[str | int, ...], old: PropertyMap) -> bool:
        return steps[0] == "spec" or super().replaced_by(steps, old)

    @override
    def wrong_content(self, inputs: PropertyMap) -> Iterator[CheckFailure]:
        yield from super().wrong_content(inputs)
        metadata = inputs.get("metadata")
        annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
        if isinstance(annotations, Unknown):
            return
        if not isinstance(annotations, dict) or annotations.get(SKIP_AWAIT) != "true":
            reason = not_implemented("kubernetes", f"a claim without the annotation {SKIP_AWAIT}: true")
            yield CheckFailure("metadata.annotations", reason)
