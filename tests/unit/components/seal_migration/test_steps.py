"""The migration of the seal step by step: what each pod gets, and what is said of a pod that fails it."""

from pathlib import Path
from typing import Any

import pytest

from components.errors import DeploymentError
from components.seal_migration import pods, steps
from components.seal_migration.steps import MigrationInputs, SealMigration
from tests.unit.fakes.scripted_vault import (
    AUTOPILOT_STATE,
    FOLLOWS,
    LEADER,
    LEADS,
    SEAL_STATUS,
    STEP_DOWN,
    UNSEAL,
    Answer,
    ScriptedVault,
    error,
    no_content,
    seal_status,
)
from tests.unit.fakes.seal_migrations import SHARES, TOKEN, migration_inputs, provide_pods

ALONE = Answer({"ha_enabled": False, "is_self": False, "leader_address": ""})
BEFORE = seal_status("shamir", initialized=True, sealed=False, cluster_id="7d")
DONE = seal_status("transit", initialized=True, sealed=False, cluster_id="7d")
WAITS = Answer({**seal_status("transit", initialized=True).body, "migration": True})
JOINED = Answer({**DONE.body, "migration": True})


@pytest.fixture(autouse=True)
def commands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    provide_pods(monkeypatch, tmp_path)


def migrate(vault: ScriptedVault, **changed: Any) -> None:
    SealMigration(migration_inputs(vault.address, **changed)).run()


def test_shares_are_given_to_a_pod_that_waits_for_them(
    vault: ScriptedVault, capfd: pytest.CaptureFixture[str]
) -> None:
    vault.answers(SEAL_STATUS, BEFORE, WAITS, WAITS, DONE)
    vault.answers(LEADER, LEADS)
    vault.answers(UNSEAL, DONE)
    migrate(vault)
    assert [request.body for request in vault.asked(UNSEAL)] == [
        {"reset": True},
        *({"migrate": True, "key": share} for share in SHARES[:3]),
    ]
    assert "vault-0 is unsealed, with seal transit configured" in capfd.readouterr().err


def test_storage_that_has_the_new_seal_takes_shares_of_that(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, seal_status("transit", initialized=True), DONE)
    vault.answers(LEADER, LEADS)
    vault.answers(UNSEAL, DONE)
    migrate(vault)
    assert [request.body.get("migrate") for request in vault.asked(UNSEAL)] == [None, *[False] * 3]


def test_one_pod_on_file_storage_is_restarted_without_a_step_down(
    vault: ScriptedVault, tmp_path: Path
) -> None:
    vault.answers(SEAL_STATUS, BEFORE, BEFORE, DONE)
    vault.answers(LEADER, ALONE)
    migrate(vault, token=TOKEN)
    assert "delete pod vault-0" in (tmp_path / "deleted").read_text()
    assert not vault.asked(STEP_DOWN)
    assert not vault.asked(AUTOPILOT_STATE)


def test_one_pod_on_raft_has_nobody_to_hand_over_to(vault: ScriptedVault, tmp_path: Path) -> None:
    vault.answers(SEAL_STATUS, BEFORE, BEFORE, DONE)
    vault.answers(LEADER, LEADS)
    vault.answers(AUTOPILOT_STATE, error(403, "permission denied"))
    migrate(vault, token=TOKEN)
    assert "delete pod vault-0" in (tmp_path / "deleted").read_text()
    assert not vault.asked(STEP_DOWN)


def test_pod_that_unseals_itself_meanwhile(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, seal_status("transit", initialized=True), DONE)
    vault.answers(LEADER, LEADS)
    vault.answers(UNSEAL, error(400, "vault is unsealed"))
    migrate(vault)


def test_done_already(vault: ScriptedVault, tmp_path: Path) -> None:
    vault.answers(SEAL_STATUS, DONE)
    vault.answers(LEADER, LEADS)
    migrate(vault)
    assert not (tmp_path / "deleted").exists()
    assert not vault.asked(UNSEAL)


def message(vault: ScriptedVault, **changed: Any) -> str:
    with pytest.raises(DeploymentError) as caught:
        migrate(vault, **{"step_seconds": 0.3, **changed})
    return str(caught.value)


def test_wrong_shares(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, WAITS)
    vault.answers(UNSEAL, WAITS, WAITS, WAITS, error(400, "invalid key: failed to verify recovery key"))
    said = message(vault)
    assert "vault-0 doesn't take the shares of this stack: invalid key" in said
    assert not [share for share in SHARES if share in said]


def test_pod_that_comes_back_as_it_was(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, BEFORE)
    vault.answers(LEADER, LEADS)
    assert "vault-0 came back with the configuration from before. Run pulumi up" in message(vault)


@pytest.mark.parametrize(
    ("status", "leader", "words"),
    [
        (seal_status("transit"), LEADS, "vault-0: it has no data and hasn't joined"),
        (WAITS, LEADS, "vault-0: the shares were submitted, and it is still sealed"),
        (error(503, "starting"), LEADS, "vault-0: starting"),
        (BEFORE, FOLLOWS, "0 pods lead instead of one"),
        (JOINED, LEADS, "vault-0: Vault's storage has the seal from before"),
        (Answer({**DONE.body, "recovery_seal": False}), LEADS, "vault-0 has shares of the wrong kind"),
    ],
)
def test_what_is_waited_for_is_said_with_the_logs(
    vault: ScriptedVault, status: Answer, leader: Answer, words: str
) -> None:
    vault.answers(SEAL_STATUS, status)
    vault.answers(LEADER, leader)
    vault.answers(UNSEAL, WAITS)
    said = message(vault)
    assert words in said
    assert "the log of a pod" in said
    assert "Nothing is lost." in said


def autopilot(*, healthy: bool, voters: int = 1) -> Answer:
    servers = {"vault-0": {"address": "vault-0:8201", "healthy": healthy}}
    state = {"healthy": healthy, "leader": "vault-0", "voters": ["vault-0"][:voters], "servers": servers}
    return Answer({"data": state})


@pytest.mark.parametrize("state", [autopilot(healthy=False), autopilot(healthy=True, voters=0)])
def test_no_pod_is_restarted_while_raft_is_ill(vault: ScriptedVault, tmp_path: Path, state: Answer) -> None:
    vault.answers(SEAL_STATUS, BEFORE)
    vault.answers(LEADER, LEADS)
    vault.answers(AUTOPILOT_STATE, state)
    assert "raft doesn't have 1 voters in good health" in message(vault, token=TOKEN)
    assert not (tmp_path / "deleted").exists()


def test_migration_is_not_over_while_raft_is_ill(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, DONE)
    vault.answers(LEADER, LEADS)
    vault.answers(AUTOPILOT_STATE, autopilot(healthy=True), autopilot(healthy=False))
    said = message(vault, token=TOKEN)
    assert "Waiting for every pod to know the new seal took longer" in said
    assert "raft doesn't have 1 voters in good health" in said


@pytest.mark.parametrize("state", [autopilot(healthy=True), error(403, "permission denied")])
def test_token_that_may_not_read_the_state_of_raft_is_no_obstacle(
    vault: ScriptedVault, state: Answer
) -> None:
    vault.answers(SEAL_STATUS, DONE)
    vault.answers(LEADER, LEADS)
    vault.answers(AUTOPILOT_STATE, state)
    migrate(vault, token=TOKEN)
    assert vault.asked(AUTOPILOT_STATE)[0].token == TOKEN


def test_pod_that_gets_stuck_again_is_given_up(
    vault: ScriptedVault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pods, "STUCK_SECONDS", 0.1)
    vault.answers(SEAL_STATUS, JOINED)
    vault.answers(LEADER, error(503, "Vault is sealed"))
    said = message(vault, step_seconds=5)
    assert "vault-0 was to lead and to migrate the seal, and can't use seal transit" in said
    assert "the log of a pod" in said
    assert (tmp_path / "deleted").read_text().count("delete pod vault-0") == 1


def two_pods(vault: ScriptedVault, second: Answer, step_seconds: float = 0.3) -> MigrationInputs:
    """Pod 0 leads with the configuration from before; pod 1 has the new one."""
    vault.answers("GET /vault-0/v1/sys/seal-status", BEFORE)
    vault.answers("GET /vault-0/v1/sys/leader", LEADS)
    vault.answers("GET /vault-1/v1/sys/seal-status", second)
    vault.answers(
        "GET /vault-1/v1/sys/leader", Answer({**FOLLOWS.body, "leader_address": "http://vault-0:8200"})
    )
    return migration_inputs(f"{vault.address}/{{pod}}", replicas=2, token=TOKEN, step_seconds=step_seconds)


def test_leader_that_hands_over_to_nobody_is_not_deleted(vault: ScriptedVault, tmp_path: Path) -> None:
    migration = two_pods(vault, JOINED)
    vault.answers("GET /vault-0/v1/sys/storage/raft/autopilot/state", error(403, "permission denied"))
    vault.answers("PUT /vault-0/v1/sys/step-down", no_content())
    with pytest.raises(DeploymentError, match="no pod leads with the new seal yet"):
        SealMigration(migration).run()
    (request,) = vault.asked("PUT /vault-0/v1/sys/step-down")
    assert request.token == TOKEN
    assert not (tmp_path / "deleted").exists()


def test_leader_whose_token_may_not_step_down_is_deleted(
    vault: ScriptedVault, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    migration = two_pods(vault, JOINED)
    vault.answers("GET /vault-0/v1/sys/storage/raft/autopilot/state", error(403, "permission denied"))
    vault.answers("PUT /vault-0/v1/sys/step-down", error(403, "permission denied"))
    with pytest.raises(DeploymentError, match="came back with the configuration from before"):
        SealMigration(migration).run()
    assert "vault-0 can't be told to step down (permission denied" in capfd.readouterr().err
    assert "delete pod vault-0" in (tmp_path / "deleted").read_text()


def test_cluster_goes_on_once_another_pod_leads_with_the_new_seal(
    vault: ScriptedVault, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    migration = two_pods(vault, JOINED, step_seconds=60)
    vault.answers("GET /vault-0/v1/sys/storage/raft/autopilot/state", error(403, "permission denied"))
    vault.answers("GET /vault-1/v1/sys/storage/raft/autopilot/state", error(403, "permission denied"))
    vault.answers("PUT /vault-0/v1/sys/step-down", no_content())
    vault.answers("GET /vault-0/v1/sys/seal-status", *[BEFORE] * 5, DONE)
    vault.answers("GET /vault-1/v1/sys/seal-status", JOINED, JOINED, DONE)
    lead_elsewhere = Answer({**LEADS.body, "leader_address": "http://vault-1:8200"})
    vault.answers("GET /vault-0/v1/sys/leader", LEADS, LEADS, FOLLOWS)
    followed = Answer({**FOLLOWS.body, "leader_address": "http://vault-0:8200"})
    vault.answers("GET /vault-1/v1/sys/leader", followed, followed, lead_elsewhere)
    SealMigration(migration).run()
    assert "delete pod vault-0" in (tmp_path / "deleted").read_text()
    steps = [line.partition(":")[0] for line in capfd.readouterr().err.splitlines()]
    assert steps[:3] == [
        "vault-0 steps down; the next leader migrates the seal",
        "Vault's storage has seal transit now",
        "Restarting vault-0",
    ]


def test_leader_that_takes_no_notice_is_deleted(
    vault: ScriptedVault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(steps, "STILL_LEADING_SECONDS", 0.0)
    migration = two_pods(vault, JOINED)
    vault.answers("GET /vault-0/v1/sys/storage/raft/autopilot/state", error(403, "permission denied"))
    vault.answers("PUT /vault-0/v1/sys/step-down", no_content())
    with pytest.raises(DeploymentError, match="came back with the configuration from before"):
        SealMigration(migration).run()
    assert len(vault.asked("PUT /vault-0/v1/sys/step-down")) == 1
    assert "vault-0 was told to step down and still leads" in capfd.readouterr().err
    assert "delete pod vault-0" in (tmp_path / "deleted").read_text()


@pytest.mark.parametrize(
    ("leader", "follower", "words"),
    [
        (
            LEADS,
            Answer({**FOLLOWS.body, "leader_address": "http://vault-9:8200"}),
            "don't follow the same leader",
        ),
        (LEADS, Answer({**LEADS.body}), "2 pods lead instead of one"),
        (
            Answer({**LEADS.body, "raft_applied_index": 100_000}),
            Answer({**LEADS.body, "is_self": False, "raft_applied_index": 1}),
            "vault-1 is 99999 entries behind the leader",
        ),
    ],
)
def test_cluster_that_could_not_lose_a_pod_is_left_alone(
    vault: ScriptedVault, tmp_path: Path, leader: Answer, follower: Answer, words: str
) -> None:
    migration = two_pods(vault, BEFORE)
    vault.answers("GET /vault-0/v1/sys/leader", leader)
    vault.answers("GET /vault-1/v1/sys/leader", follower)
    with pytest.raises(DeploymentError, match=words):
        SealMigration(migration).run()
    assert not (tmp_path / "deleted").exists()
