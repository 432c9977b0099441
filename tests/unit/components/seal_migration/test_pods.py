"""How far a pod is in a migration, by what it answers, and what the update is told of it."""

import pytest

from components.seal_migration import pods
from components.seal_migration.pods import PodSeal, Stage, begun_migration, observe_pod, unfinished_migration
from tests.unit.fakes.init_inputs import NOWHERE, access
from tests.unit.fakes.init_runs import at_pod
from tests.unit.fakes.scripted_vault import (
    FOLLOWS,
    LEADER,
    LEADS,
    SEAL_STATUS,
    Answer,
    ScriptedVault,
    error,
    seal_status,
)

BEFORE = seal_status("shamir", initialized=True, sealed=False)
DONE = seal_status("transit", initialized=True, sealed=False)
JOINED = Answer({**DONE.body, "migration": True})
OTHER_SEAL = error(500, "mismatching seal type: storage transit, configuration shamir")
SEALED = error(503, "Vault is sealed")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pods, "STUCK_SECONDS", 0.0)


def observed(vault: ScriptedVault, status: Answer, leader: Answer) -> PodSeal:
    vault.answers(SEAL_STATUS, status)
    vault.answers(LEADER, leader)
    return observe_pod(access(vault.address), 0, "transit")


@pytest.mark.parametrize(
    ("status", "leader", "stage", "serves", "leads", "migrated"),
    [
        (BEFORE, LEADS, Stage.BEFORE, True, True, False),
        (seal_status("shamir", initialized=True), LEADS, Stage.BEFORE, False, False, False),
        (seal_status("transit", initialized=True), LEADS, Stage.SEALED, False, False, False),
        (DONE, LEADS, Stage.READY, True, True, True),
        (DONE, FOLLOWS, Stage.READY, True, False, True),
        (JOINED, FOLLOWS, Stage.READY, True, False, False),
        (JOINED, SEALED, Stage.STUCK, False, False, False),
        (BEFORE, SEALED, Stage.BEFORE, False, False, False),
    ],
)
def test_stage_of_a_pod(
    vault: ScriptedVault,
    status: Answer,
    leader: Answer,
    stage: Stage,
    serves: bool,
    leads: bool,
    migrated: bool,
) -> None:
    pod = observed(vault, status, leader)
    assert (pod.pod, pod.ordinal, pod.stage) == ("vault-0", 0, stage)
    assert (pod.serves, pod.leads, pod.migrated) == (serves, leads, migrated)


def test_pod_that_answers_sealed_for_a_moment_only(
    vault: ScriptedVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pods, "STUCK_SECONDS", 60.0)
    vault.answers(SEAL_STATUS, DONE)
    vault.answers(LEADER, SEALED, LEADS)
    assert observe_pod(access(vault.address), 0, "transit").stage is Stage.READY


def ask(vault: ScriptedVault, status: Answer, leader: Answer) -> tuple[str | None, str | None]:
    vault.answers(SEAL_STATUS, status)
    vault.answers(LEADER, leader)
    reached = access(vault.address)
    return unfinished_migration(reached, 1, "transit"), begun_migration(reached, 1, "transit")


@pytest.mark.parametrize(
    ("status", "leader", "unfinished", "begun"),
    [
        (DONE, LEADS, None, "Vault's storage has seal transit already (vault-0)"),
        (JOINED, LEADS, "vault-0: Vault's storage has the seal from before", None),
        (BEFORE, LEADS, "vault-0: it runs with the configuration from before", None),
        (seal_status("transit", initialized=True), LEADS, "vault-0: it waits for shares", None),
        (JOINED, SEALED, "vault-0: it couldn't use the new seal when it was to lead", None),
    ],
)
def test_what_the_update_is_told(
    vault: ScriptedVault, status: Answer, leader: Answer, unfinished: str | None, begun: str | None
) -> None:
    assert ask(vault, status, leader) == (unfinished, begun)


def test_each_pod_answers_for_itself(vault: ScriptedVault) -> None:
    for pod, status in (("vault-0", DONE), ("vault-1", BEFORE)):
        vault.answers(at_pod(pod, SEAL_STATUS), status)
        vault.answers(at_pod(pod, LEADER), FOLLOWS)
    seen = unfinished_migration(access(f"{vault.address}/{{pod}}"), 2, "transit")
    assert seen == "vault-1: it runs with the configuration from before"


def test_vault_that_cannot_be_asked_is_neither_done_nor_untouched() -> None:
    for answer in (unfinished_migration, begun_migration):
        said = answer(access(NOWHERE), 1, "transit")
        assert said is not None
        assert said.startswith("Vault can't be asked: ")
