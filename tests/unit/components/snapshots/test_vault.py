"""The active server, and the token with which it is asked."""

import pytest

from components.custody.key_custody import KeyCustody
from components.errors import DeploymentError
from components.snapshots.vault import SnapshotVault, active_server, with_valid_token
from components.vault.client import VaultClient, VaultForbiddenError
from tests.unit.fakes.init_inputs import DEPLOYMENT, TARGET, access
from tests.unit.fakes.scripted_vault import (
    FOLLOWS,
    LEADER,
    LEADS,
    LOOKUP_SELF,
    Answer,
    ScriptedVault,
    error,
)


def of(vault: ScriptedVault) -> SnapshotVault:
    return SnapshotVault(
        access=access(vault.address),
        replicas=2,
        seal_type="awskms",
        seal_key="key",
        deployment=DEPLOYMENT,
        custody=KeyCustody(store=None, target=TARGET, deployment=DEPLOYMENT),
        keys=None,
        leader_seconds=0.3,
    )


def test_standbys_are_passed_over(vault: ScriptedVault) -> None:
    vault.answers(LEADER, FOLLOWS, LEADS)
    with active_server(of(vault)) as client:
        assert client.address == vault.address
    assert len(vault.asked(LEADER)) == 2


def test_without_a_leader_the_way_out_is_named(vault: ScriptedVault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.snapshots.vault.with_pod_problems", lambda _access, said: said)
    vault.answers(LEADER, FOLLOWS)
    with (
        pytest.raises(DeploymentError, match=r"(?s)Vault has no active server.*recover-quorum"),
        active_server(of(vault)),
    ):
        pass


def test_vault_that_is_not_on_raft(vault: ScriptedVault) -> None:
    vault.answers(LEADER, Answer({"ha_enabled": False}))
    with pytest.raises(DeploymentError, match="only raft has snapshots"), active_server(of(vault)):
        pass


def test_first_token_that_is_valid(vault: ScriptedVault) -> None:
    client = VaultClient(vault.address)
    vault.answers(LOOKUP_SELF, error(403, "permission denied"), Answer({"data": {}}))
    assert with_valid_token(client, ("", "hvs.revoked", "hvs.revoked", "hvs.valid"), "x").token == "hvs.valid"
    assert [request.token for request in vault.asked(LOOKUP_SELF)] == ["hvs.revoked", "hvs.valid"]


def test_no_token_is_valid(vault: ScriptedVault) -> None:
    vault.answers(LOOKUP_SELF, error(403, "permission denied"))
    with pytest.raises(
        VaultForbiddenError, match="There is no valid token to read a snapshot with"
    ) as raised:
        with_valid_token(VaultClient(vault.address), ("hvs.revoked",), "read a snapshot")
    assert "hvs.revoked" not in str(raised.value)
