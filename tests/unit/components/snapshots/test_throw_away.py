"""What is kept of the init of a blank cluster; the init itself is tried on real servers."""

import base64
import json
from pathlib import Path

import pytest

from components.custody.key_custody import KeyCustody
from components.errors import DeploymentError
from components.kubernetes.lease import RunLease
from components.snapshots.throw_away import ENTRY, Resumed, ThrowAwayInit
from components.snapshots.vault import SnapshotVault
from tests.unit.fakes.init_inputs import (
    DEPLOYMENT,
    JOURNAL_KEY,
    TARGET,
    InitCluster,
    access,
    provide_cluster,
)
from tests.unit.fakes.key_records import key_record
from tests.unit.fakes.scripted_vault import (
    AUTOPILOT_STATE,
    INIT,
    LEADER,
    LEADS,
    LOOKUP_SELF,
    ROOT_TOKEN,
    SEAL_STATUS,
    SHARES,
    Answer,
    ScriptedVault,
    error,
    init_answer,
    seal_status,
)

NAME = "vault-restore"
SNAPSHOT = "5" * 64
SERVES = seal_status(initialized=True, sealed=False, cluster_id="0a1b")
SERVERS = {"vault-0": {"address": "vault-0:8201", "healthy": True}}
HEALTHY = Answer({"data": {"healthy": True, "leader": "vault-0", "voters": ["vault-0"], "servers": SERVERS}})


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> InitCluster:
    return provide_cluster(monkeypatch, tmp_path / "cluster")


def throw_away(vault: ScriptedVault, key: str = JOURNAL_KEY) -> ThrowAwayInit:
    target = SnapshotVault(
        access=access(vault.address),
        replicas=1,
        seal_type="awskms",
        seal_key="key",
        deployment=DEPLOYMENT,
        custody=KeyCustody(store=None, target=TARGET, deployment=DEPLOYMENT),
        keys=None,
    )
    return ThrowAwayInit(target, key, RunLease(TARGET, "vault"), join_seconds=0.5)


def begin(vault: ScriptedVault) -> str:
    vault.answers(SEAL_STATUS, seal_status(), SERVES)
    vault.answers(INIT, init_answer(recovery=True))
    vault.answers(LEADER, LEADS)
    vault.answers(AUTOPILOT_STATE, HEALTHY)
    began = throw_away(vault)
    with began.lease.held(1):
        return began.begin(key_record(), SNAPSHOT)


def test_keys_are_kept_encrypted_until_they_are_void(vault: ScriptedVault, cluster: InitCluster) -> None:
    assert begin(vault) == ROOT_TOKEN
    (asked,) = vault.asked(INIT)
    # The numbers of the Vault that is restored, which servers remember.
    assert asked.body == {"recovery_shares": 2, "recovery_threshold": 2}
    secret = cluster.objects.get("secret", NAME)
    assert secret is not None
    text = base64.b64decode(secret["data"][ENTRY]).decode()
    assert not [key for key in (ROOT_TOKEN, *SHARES) if key in text]
    vault.answers(LOOKUP_SELF, Answer({"data": {}}))
    assert throw_away(vault).resumed(SNAPSHOT, "7d") == Resumed(ROOT_TOKEN)
    throw_away(vault).forget()
    assert cluster.objects.get("secret", NAME) is None
    assert throw_away(vault).resumed(SNAPSHOT, "7d") is None


@pytest.mark.usefixtures("cluster")
def test_another_vault_is_no_interrupted_restore(vault: ScriptedVault) -> None:
    begin(vault)
    vault.answers(LOOKUP_SELF, error(403, "permission denied"))
    assert throw_away(vault).resumed(SNAPSHOT, "7d") is None


@pytest.mark.usefixtures("cluster")
def test_what_another_key_encrypted(vault: ScriptedVault, capfd: pytest.CaptureFixture[str]) -> None:
    begin(vault)
    other = base64.b64encode(bytes(32)).decode()
    assert throw_away(vault, other).resumed(SNAPSHOT, "7d") is None
    assert "can't be read" in capfd.readouterr().err


def test_damaged_secret(
    vault: ScriptedVault, cluster: InitCluster, capfd: pytest.CaptureFixture[str]
) -> None:
    begin(vault)
    for text in ("", "no JSON", "{}", json.dumps({"snapshot": SNAPSHOT, "header": {}, "sealed": ""})):
        cluster.objects.put("secret", NAME, data={ENTRY: base64.b64encode(text.encode()).decode()})
        assert throw_away(vault).resumed(SNAPSHOT, "7d") is None
        assert "can't be read" in capfd.readouterr().err


def test_without_the_key_of_the_state_nothing_is_initialised(
    vault: ScriptedVault, cluster: InitCluster
) -> None:
    vault.answers(SEAL_STATUS, seal_status())
    with pytest.raises(DeploymentError, match="the stack's key for it hasn't 32 bytes"):
        throw_away(vault, "").begin(None, SNAPSHOT)
    assert vault.asked(INIT) == []
    assert cluster.objects.get("secret", NAME) is None


def test_secret_of_somebody_else(vault: ScriptedVault, cluster: InitCluster) -> None:
    cluster.objects.put("secret", NAME, data={})
    with pytest.raises(DeploymentError, match="wasn't made by this program"):
        throw_away(vault).begin(None, SNAPSHOT)
    assert vault.asked(INIT) == []


@pytest.mark.usefixtures("cluster")
def test_snapshot_that_was_restored_already_is_not_restored_again(vault: ScriptedVault) -> None:
    begin(vault)
    vault.answers(LOOKUP_SELF, error(403, "permission denied"))
    assert throw_away(vault).resumed(SNAPSHOT, "0a1b") == Resumed("")
    assert throw_away(vault).resumed("6" * 64, "0a1b") is None
    # It says so of no cluster while it is sealed.
    vault.answers(SEAL_STATUS, seal_status(initialized=True))
    assert throw_away(vault).resumed(SNAPSHOT, "0a1b") == Resumed("")


@pytest.mark.usefixtures("cluster")
def test_another_snapshot_goes_into_the_same_vault(vault: ScriptedVault) -> None:
    begin(vault)
    vault.answers(LOOKUP_SELF, Answer({"data": {}}))
    assert throw_away(vault).resumed("6" * 64, "7d") == Resumed(ROOT_TOKEN)
    vault.answers(LOOKUP_SELF, error(403, "permission denied"))
    assert throw_away(vault).resumed(SNAPSHOT, "0a1b") is None
    assert throw_away(vault).resumed("6" * 64, "0a1b") == Resumed("")


def test_pod_with_another_seal_is_not_initialised(vault: ScriptedVault, cluster: InitCluster) -> None:
    vault.answers(SEAL_STATUS, seal_status("shamir"))
    with pytest.raises(DeploymentError, match=r"runs with seal shamir\. Nothing was initialised"):
        throw_away(vault).begin(None, SNAPSHOT)
    assert vault.asked(INIT) == []
    assert cluster.objects.get("secret", NAME) is None
