"""The command that migrates the seal: what it asks for first, and what it says where a pod fails it."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from components.__main__ import main
from components.commands import migrate_seal
from components.commands.migrate_seal import CONFIGURATION_KEY, require_configuration
from components.errors import DeploymentError
from components.seal_migration import pods
from components.seal_migration.steps import MigrationInputs, SealMigration
from components.seals.seal import SealStanza
from components.vault.configuration import render_configuration
from tests.unit.fakes.commands_on_path import only_commands
from tests.unit.fakes.init_inputs import DEPLOYMENT, NOWHERE, access
from tests.unit.fakes.kubernetes_objects import KubernetesObjects
from tests.unit.fakes.scripted_vault import (
    AUTOPILOT_STATE,
    LEADER,
    SEAL_STATUS,
    UNSEAL,
    Answer,
    ScriptedVault,
    error,
    no_content,
    seal_status,
)

SHARES = tuple(base64.b64encode(bytes([number]) * 33).decode() for number in range(5))
TOKEN = "hvs.root"
STEP_DOWN = "PUT /v1/sys/step-down"
LEADS = Answer({"ha_enabled": True, "is_self": True, "leader_address": "http://vault-0:8200"})
FOLLOWS = Answer({"ha_enabled": True, "is_self": False, "leader_address": "http://vault-1:8200"})
ALONE = Answer({"ha_enabled": False, "is_self": False, "leader_address": ""})
BEFORE = seal_status("shamir", initialized=True, sealed=False, cluster_id="7d")
DONE = seal_status("transit", initialized=True, sealed=False, cluster_id="7d")
WAITS = Answer({**seal_status("transit", initialized=True).body, "migration": True})
JOINED = Answer({**DONE.body, "migration": True})
TRANSIT = SealStanza("transit", {"address": "https://other:8200"})
AWSKMS = SealStanza("awskms", {"region": "eu-central-1"})


@pytest.fixture(autouse=True)
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> KubernetesObjects:
    """A kubectl that deletes pods, with logs of theirs, and keeps the ConfigMap."""
    objects = KubernetesObjects(tmp_path / "objects")
    deleted = tmp_path / "deleted"
    kubectl = (
        f'case " $* " in *" delete pod "*) echo "$*" >> \'{deleted}\';; '
        f'*" logs "*) echo the log of a pod;; *) {objects.script};; esac'
    )
    only_commands(monkeypatch, tmp_path / "commands", kubectl=kubectl)
    return objects


def inputs(address: str = NOWHERE, **changed: Any) -> MigrationInputs:
    values: dict[str, Any] = {
        "access": access(address),
        "replicas": 1,
        "leaving": "shamir",
        "seal_type": "transit",
        "shares": SHARES,
        "threshold": 3,
        "token": "",
        "step_seconds": 0.3,
        **changed,
    }
    return MigrationInputs(**values)


def migrate(vault: ScriptedVault, **changed: Any) -> None:
    SealMigration(inputs(vault.address, **changed)).run()


def test_shares_are_given_to_a_pod_that_waits_for_them(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, BEFORE, WAITS, WAITS, DONE)
    vault.answers(LEADER, LEADS)
    vault.answers(UNSEAL, DONE)
    migrate(vault)
    assert [request.body for request in vault.asked(UNSEAL)] == [
        {"migrate": False, "reset": True},
        *({"migrate": True, "key": share} for share in SHARES[:3]),
    ]


def test_storage_that_has_the_new_seal_takes_shares_of_that(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, seal_status("transit", initialized=True), DONE)
    vault.answers(LEADER, LEADS)
    vault.answers(UNSEAL, DONE)
    migrate(vault)
    assert [request.body["migrate"] for request in vault.asked(UNSEAL)] == [False] * 4


def test_one_pod_on_file_storage_is_restarted_without_a_step_down(
    vault: ScriptedVault, tmp_path: Path
) -> None:
    vault.answers(SEAL_STATUS, BEFORE, BEFORE, DONE)
    vault.answers(LEADER, ALONE)
    migrate(vault, token=TOKEN)
    assert "delete pod vault-0" in (tmp_path / "deleted").read_text()
    assert not vault.asked(STEP_DOWN)
    assert not vault.asked(AUTOPILOT_STATE)


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
        migrate(vault, **changed)
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


def two_pods(vault: ScriptedVault, second: Answer) -> MigrationInputs:
    """Pod 0 leads with the configuration from before; pod 1 has the new one."""
    vault.answers("GET /vault-0/v1/sys/seal-status", BEFORE)
    vault.answers("GET /vault-0/v1/sys/leader", LEADS)
    vault.answers("GET /vault-1/v1/sys/seal-status", second)
    vault.answers(
        "GET /vault-1/v1/sys/leader", Answer({**FOLLOWS.body, "leader_address": "http://vault-0:8200"})
    )
    return inputs(f"{vault.address}/{{pod}}", replicas=2, token=TOKEN)


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


def configured(*stanzas: SealStanza) -> Mapping[str, str]:
    return {CONFIGURATION_KEY: render_configuration(ui=False, raft=None, join=[], seals=stanzas)}


@pytest.mark.parametrize(
    ("old", "new", "stanzas"),
    [
        ("shamir", "transit", (TRANSIT,)),
        ("transit", "shamir", (TRANSIT.disabled(),)),
        ("awskms", "transit", (TRANSIT, AWSKMS.disabled())),
    ],
)
def test_configuration_with_both_seals(
    cluster: KubernetesObjects, old: str, new: str, stanzas: tuple[SealStanza, ...]
) -> None:
    cluster.put("configmap", "vault-config", data=configured(*stanzas))
    require_configuration(inputs(leaving=old, seal_type=new))


@pytest.mark.parametrize(
    ("old", "new", "stanzas", "missing"),
    [
        ("shamir", "transit", (), "seal transit. Nothing"),
        ("transit", "shamir", (), "seal transit. Nothing"),
        ("transit", "shamir", (TRANSIT,), "seal transit. Nothing"),
        ("awskms", "transit", (TRANSIT,), "seal awskms. Nothing"),
        ("awskms", "transit", (AWSKMS,), "seal awskms and transit. Nothing"),
        ("awskms", "transit", (TRANSIT.disabled(), AWSKMS.disabled()), "seal transit. Nothing"),
    ],
)
def test_configuration_without_one_of_them(
    cluster: KubernetesObjects, old: str, new: str, stanzas: tuple[SealStanza, ...], missing: str
) -> None:
    cluster.put("configmap", "vault-config", data=configured(*stanzas))
    with pytest.raises(DeploymentError, match=missing):
        require_configuration(inputs(leaving=old, seal_type=new))


def test_no_configuration_at_all() -> None:
    with pytest.raises(DeploymentError, match="ConfigMap vault-config"):
        require_configuration(inputs())


def outputs(**changed: Any) -> Mapping[str, Any]:
    return {
        "pod_access": access(NOWHERE).to_properties(),
        "deployment": DEPLOYMENT,
        "replicas": 3,
        "threshold": 3,
        "custody": {"store": "state"},
        "root_token": TOKEN,
        "recovery_shares": [],
        "key_shares": list(SHARES),
        "seal_type": "transit",
        "migrate_from": "shamir",
        **changed,
    }


def command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stack: Mapping[str, Any], token: str = ""
) -> int:
    """Runs the command with a script in pulumi's place."""
    (tmp_path / "outputs.json").write_text(json.dumps(stack))
    config = f"echo {token}" if token else "exit 255"
    pulumi = f"case $1 in config) {config};; *) exec /bin/cat '{tmp_path}/outputs.json';; esac"
    only_commands(monkeypatch, tmp_path / "commands", pulumi=pulumi)
    return main(["migrate-seal"])


def test_stack_whose_seal_is_not_migrated(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, tmp_path, outputs(migrate_from="")) == 1
    assert "set seal and migrateFrom, and run pulumi up" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("shares", "why"),
    [([], "aren't known to this stack"), ([base64.b64encode(bytes(400)).decode()], "are encrypted")],
)
def test_shares_that_the_command_cannot_give(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    shares: list[str],
    why: str,
) -> None:
    assert command(monkeypatch, tmp_path, outputs(key_shares=shares)) == 1
    said = capfd.readouterr().err
    assert why in said
    assert "each of vault-0, vault-1, vault-2" in said
    assert "vault operator unseal -migrate" in said


@pytest.mark.parametrize(
    ("root_token", "token", "taken"),
    [(TOKEN, "hvs.settings", TOKEN), ("", "hvs.settings", "hvs.settings"), ("", "", "")],
)
def test_token_is_that_of_the_stack_or_of_the_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, root_token: str, token: str, taken: str
) -> None:
    orders: list[MigrationInputs] = []
    monkeypatch.setattr(migrate_seal, "require_configuration", orders.append)
    monkeypatch.setattr(SealMigration, "run", lambda _: None)
    assert command(monkeypatch, tmp_path, outputs(root_token=root_token), token) == 0
    assert orders[0].token == taken
    assert (orders[0].leaving, orders[0].seal_type) == ("shamir", "transit")
    assert (orders[0].shares, orders[0].threshold) == (SHARES, 3)
    assert not [secret for secret in (*SHARES, TOKEN) if secret in repr(orders[0])]
