"""``kubernetes:core/v1:ServiceAccount``."""

from collections.abc import Iterator
from typing import ClassVar

from typing_extensions import override

from sandbox.plugins.kubernetes.namespaced_object import NamespacedObject
from sandbox.plugins.property_values import PropertyMap, Unknown
from sandbox.plugins.provider import CheckFailure


class ServiceAccount(NamespacedObject):
    """A service account; its id is ``<namespace>/<name>``.

    The real plugin waits for its token Secret in clusters before 1.24 only, which have one
    (pulumi-kubernetes, provider/pkg/await/awaiters.go).
    """

    token = "kubernetes:core/v1:ServiceAccount"  # noqa: S105 - a type's name
    kind: ClassVar[str] = "ServiceAccount"
    resource: ClassVar[str] = "serviceaccounts"
    fields: ClassVar[frozenset[str]] = frozenset({"automountServiceAccountToken"})

    @override
    def wrong_content(self, inputs: PropertyMap) -> Iterator[CheckFailure]:
        if not isinstance(inputs.get("automountServiceAccountToken", False), bool | Unknown):
            yield CheckFailure("automountServiceAccountToken", "expected a boolean")
