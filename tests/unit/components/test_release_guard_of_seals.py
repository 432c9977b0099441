"""Which changes of the seal the settings may make."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from components.release_guard import seal_change_problem
from tests.unit.fakes.init_inputs import NOWHERE, access
from tests.unit.fakes.scripted_vault import (
    LEADER,
    LEADS,
    SEAL_STATUS,
    Answer,
    ScriptedVault,
    error,
    seal_status,
)


def in_migration(seal_type: str, *, sealed: bool = False) -> Answer:
    status = seal_status(seal_type, initialized=True, sealed=sealed, cluster_id="7d")
    return Answer({**status.body, "migration": True})


def unsealed(seal_type: str) -> Answer:
    return seal_status(seal_type, initialized=True, sealed=False, cluster_id="7d")


OTHER_SEAL = error(500, 'barrier seal type of "transit" does not match expected type of "shamir"')


def properties(seal_type: str, migrate_from: str = "", address: str = NOWHERE) -> dict[str, Any]:
    return {
        "seal_type": seal_type,
        "migrate_from": migrate_from,
        "access": access(address).to_properties(),
        "replicas": 1,
    }


@pytest.mark.parametrize(
    ("olds", "news"),
    [
        pytest.param({}, properties("transit"), id="nothing there yet"),
        pytest.param({"seal_type": "transit"}, properties("transit"), id="state of an earlier version"),
        pytest.param(properties("shamir"), properties("transit", "shamir"), id="a migration begins"),
        pytest.param(properties("transit", "shamir"), properties("transit", "shamir"), id="it goes on"),
    ],
)
def test_changes_that_ask_nobody(olds: Mapping[str, Any], news: Mapping[str, Any]) -> None:
    assert seal_change_problem(olds, news) is None


@pytest.mark.parametrize(
    ("olds", "news", "name", "words"),
    [
        (properties("shamir"), properties("transit"), "seal_type", "set migrateFrom, with seal shamir"),
        (properties("shamir"), properties("transit", "awskms"), "seal_type", "with seal shamir"),
        (properties("shamir"), properties("shamir", "transit"), "migrate_from", "remove migrateFrom"),
        (properties("transit", "shamir"), properties("awskms", "shamir"), "seal_type", "finish that first"),
        (properties("transit", "shamir"), properties("shamir", "transit"), "seal_type", "finish that first"),
    ],
)
def test_changes_that_are_refused(
    olds: Mapping[str, Any], news: Mapping[str, Any], name: str, words: str
) -> None:
    problem = seal_change_problem(olds, news)
    assert problem is not None
    assert problem[0] == name
    assert words in problem[1]


@pytest.fixture
def finish(vault: ScriptedVault) -> Callable[[], tuple[str, str] | None]:
    """The update that removes migrateFrom, on the way from Shamir to transit."""
    vault.answers(LEADER, LEADS)
    return lambda: seal_change_problem(
        properties("transit", "shamir", vault.address), properties("transit", "", vault.address)
    )


def test_migration_is_over_when_every_pod_says_so(vault: ScriptedVault, finish: Any) -> None:
    vault.answers(SEAL_STATUS, unsealed("transit"))
    assert finish() is None


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (unsealed("shamir"), "vault-0: it runs with the configuration from before"),
        (OTHER_SEAL, "vault-0: it runs with the configuration from before"),
        (in_migration("transit", sealed=True), "vault-0: it waits for shares"),
        (in_migration("transit"), "vault-0: Vault's storage has the seal from before"),
        (error(400, "no"), "Vault can't be asked: no"),
    ],
)
def test_migration_is_not_over(vault: ScriptedVault, finish: Any, answer: Answer, words: str) -> None:
    vault.answers(SEAL_STATUS, answer)
    name, problem = finish()
    assert name == "migrate_from"
    assert words in problem
    assert "python -m components migrate-seal" in problem


@pytest.fixture
def go_back(vault: ScriptedVault) -> Callable[[], tuple[str, str] | None]:
    """The update that sets Shamir back, on the way from it to transit."""
    vault.answers(LEADER, LEADS)
    return lambda: seal_change_problem(
        properties("transit", "shamir", vault.address), properties("shamir", "", vault.address)
    )


@pytest.mark.parametrize("answer", [unsealed("shamir"), in_migration("transit")])
def test_the_old_seal_may_be_set_back_before_the_storage_has_the_new_one(
    vault: ScriptedVault, go_back: Any, answer: Answer
) -> None:
    vault.answers(SEAL_STATUS, answer)
    assert go_back() is None


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (unsealed("transit"), "storage has seal transit already (vault-0)"),
        (OTHER_SEAL, "storage has seal transit already (vault-0)"),
        (error(400, "no"), "Vault can't be asked: no"),
    ],
)
def test_the_old_seal_may_not_be_set_back_later(
    vault: ScriptedVault, go_back: Any, answer: Answer, words: str
) -> None:
    vault.answers(SEAL_STATUS, answer)
    name, problem = go_back()
    assert name == "seal_type"
    assert words in problem
