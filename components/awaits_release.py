"""Lets a provider wait for the release that others install: until then its resource is a placeholder.

With `release: false` the first `pulumi up` ends before Argo CD or Flux has the chart's values, so what needs
the release is done by a later one: as an update of the placeholder, which runs what creates the resource.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pulumi.dynamic import CheckResult, CreateResult, DiffResult, ReadResult, UpdateResult

from components.stable_provider import StableProvider, is_known_text

Provider = TypeVar("Provider", bound=StableProvider)

MISSING = "release_missing"
"""Property: what the installed release lacks; empty if nothing, absent if the stack installs it itself."""
PLACEHOLDER = "placeholder"
"""Property of a resource that has done nothing yet; absent from all others."""


def _is_missing(news: dict[str, Any]) -> bool:
    """Return whether the release is known to lack something; in a preview it may be unknown."""
    return is_known_text(news.get(MISSING))


def awaits_release(
    identity: Callable[[Mapping[str, Any]], str], **outputs: Any
) -> Callable[[type[Provider]], type[Provider]]:
    """Return a decorator by which a provider does nothing until the release is as the stack wants it.

    ``identity`` returns the resource's id, which it has as a placeholder, too; that one has these
    ``outputs``. It is the class itself that changes, as states name it. Nothing changes for a resource
    without the property :data:`MISSING`.
    """

    def decorate(provider: type[Provider]) -> type[Provider]:
        original = {
            name: getattr(provider, name) for name in ("check", "create", "diff", "update", "read", "delete")
        }

        def check(self: Provider, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
            waits = not _olds or bool(_olds.get(PLACEHOLDER))
            result: CheckResult = original["check"](self, {} if waits else _olds, news)
            if waits and _is_missing(news):
                result.inputs[PLACEHOLDER] = True
            return result

        def create(self: Provider, props: dict[str, Any]) -> CreateResult:
            if not props.get(PLACEHOLDER):
                created: CreateResult = original["create"](self, props)
                return created
            placeholder = {**self.input_values(props), **outputs, PLACEHOLDER: True}
            return CreateResult(identity(props), placeholder)

        def diff(self: Provider, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
            if _is_missing(_news) or _olds.get(PLACEHOLDER):
                changes = not _is_missing(_news)
                return DiffResult(changes=changes, replaces=[], stables=[], delete_before_replace=False)
            difference: DiffResult = original["diff"](self, _id, _olds, _news)
            return difference

        def update(self: Provider, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
            if _olds.get(PLACEHOLDER):
                return UpdateResult(original["create"](self, _news).outs)
            updated: UpdateResult = original["update"](self, _id, _olds, _news)
            return updated

        def read(self: Provider, id_: str, props: dict[str, Any]) -> ReadResult:
            if props.get(PLACEHOLDER):
                return ReadResult(id_, props)
            found: ReadResult = original["read"](self, id_, props)
            return found

        def delete(self: Provider, _id: str, _props: dict[str, Any]) -> None:
            if not _props.get(PLACEHOLDER):
                original["delete"](self, _id, _props)

        for replaced in (check, create, diff, update, read, delete):
            setattr(provider, replaced.__name__, replaced)
        return provider

    return decorate
