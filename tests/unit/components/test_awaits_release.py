"""A resource that needs the release of others: a placeholder until that is there, and then made once."""

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
from pulumi.dynamic import CheckFailure, CheckResult, CreateResult, ReadResult
from pulumi.output import Unknown

from components.awaits_release import MISSING, PLACEHOLDER, awaits_release
from components.errors import DeploymentError
from components.stable_provider import StableProvider

UNKNOWN = Unknown()  # type: ignore[no-untyped-call]  # Pulumi's own
NOT_THERE = "there is no StatefulSet vault"
WAITING: Mapping[str, Any] = {"shares": 5, MISSING: NOT_THERE}
THERE: Mapping[str, Any] = {"shares": 5, MISSING: ""}
OWN: Mapping[str, Any] = {"shares": 5}
PLACED: Mapping[str, Any] = {"shares": 5, "token": "", PLACEHOLDER: True}
MADE: Mapping[str, Any] = {"shares": 5, "token": "made"}


def provider() -> StableProvider:
    """A provider that refuses other shares once it has made any, and counts what it makes and deletes."""

    @awaits_release(lambda props: f"id of {props['shares']}", token="")
    class Counting(StableProvider):
        inputs = ("shares",)
        made: ClassVar[list[str]] = []

        def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
            other = _olds and _olds["shares"] != news["shares"]
            return CheckResult(news, [CheckFailure("shares", "others")] if other else [])

        def create(self, props: dict[str, Any]) -> CreateResult:
            self.made.append("created")
            return CreateResult("made", {**self.input_values(props), "token": "made"})

        def read(self, id_: str, _props: dict[str, Any]) -> ReadResult:
            return ReadResult(id_, {"token": "read"})

        def delete(self, _id: str, _props: dict[str, Any]) -> None:
            self.made.append("deleted")

    return Counting()


def made(counting: StableProvider) -> list[str]:
    """What the provider has done so far."""
    done: list[str] = getattr(counting, "made")  # noqa: B009
    return done


def checked(counting: StableProvider, olds: Mapping[str, Any], news: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs that the engine records, in which nothing was refused."""
    result = counting.check(dict(olds), dict(news))
    assert result.failures == []
    return result.inputs


def test_first_update_without_the_release_makes_a_placeholder() -> None:
    counting = provider()
    inputs = checked(counting, {}, WAITING)
    created = counting.create(inputs)
    assert (created.id, created.outs) == ("id of 5", PLACED)
    assert made(counting) == []


@pytest.mark.parametrize("news", [THERE, OWN])
def test_first_update_with_the_release_makes_it_at_once(news: Mapping[str, Any]) -> None:
    counting = provider()
    created = counting.create(checked(counting, {}, news))
    assert (created.id, created.outs) == ("made", MADE)


def test_placeholder_changes_nothing_while_it_waits() -> None:
    counting = provider()
    inputs = checked(counting, {**WAITING, PLACEHOLDER: True}, {**WAITING, "shares": 7})
    assert inputs[PLACEHOLDER] is True
    assert counting.diff("id", dict(PLACED), inputs).changes is False


@pytest.mark.parametrize("missing", ["", UNKNOWN])
def test_placeholder_is_updated_once_the_release_is_there(missing: object) -> None:
    counting = provider()
    inputs = checked(counting, {**WAITING, PLACEHOLDER: True}, {"shares": 7, MISSING: missing})
    assert PLACEHOLDER not in inputs
    difference = counting.diff("id", dict(PLACED), inputs)
    assert (difference.changes, difference.replaces) == (True, [])


def test_update_of_the_placeholder_makes_it_once() -> None:
    counting = provider()
    inputs = checked(counting, {**WAITING, PLACEHOLDER: True}, THERE)
    state = counting.update("id", dict(PLACED), inputs).outs
    assert state == MADE
    assert made(counting) == ["created"]
    assert counting.diff("id", dict(MADE), checked(counting, inputs, THERE)).changes is False
    counting.update("id", dict(MADE), dict(THERE))
    assert made(counting) == ["created"]


def test_what_is_made_is_no_placeholder_again_if_the_release_lacks_something() -> None:
    counting = provider()
    inputs = checked(counting, THERE, WAITING)
    assert PLACEHOLDER not in inputs
    assert counting.diff("id", dict(MADE), {**inputs, "shares": 7}).changes is False
    assert counting.diff("id", dict(MADE), {**THERE, "shares": 7}).changes is True


@pytest.mark.parametrize("missing", [NOT_THERE, ""])
def test_what_is_made_is_checked_against_what_it_was_made_with(missing: str) -> None:
    failures = provider().check(dict(THERE), {"shares": 7, MISSING: missing}).failures
    assert [failure.reason for failure in failures] == ["others"]


def test_placeholder_is_neither_read_nor_deleted() -> None:
    counting = provider()
    assert counting.read("id", dict(PLACED)).outs == PLACED
    assert counting.read("id", dict(MADE)).outs == {"token": "read"}
    counting.delete("id", dict(PLACED))
    assert made(counting) == []
    counting.delete("id", dict(MADE))
    assert made(counting) == ["deleted"]


def test_failed_attempt_leaves_the_placeholder() -> None:
    @awaits_release(lambda _: "id")
    class Failing(StableProvider):
        inputs = ("shares",)

        def create(self, _props: dict[str, Any]) -> CreateResult:
            raise DeploymentError("pods don't start")

    with pytest.raises(DeploymentError, match="pods don't start"):
        Failing().update("id", dict(PLACED), dict(THERE))


def test_class_stays_the_one_that_states_name() -> None:
    class Plain(StableProvider):
        inputs = ()

    assert awaits_release(lambda _: "id")(Plain) is Plain
