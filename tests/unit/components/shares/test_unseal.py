"""Unsealing every pod with key shares."""

import pytest

from components.errors import DeploymentError
from components.shares.unseal import unseal_pods
from components.vault.client import VaultRefusedError
from components.vault.pod_access import PodAccess
from tests.unit.fakes.init_inputs import access
from tests.unit.fakes.scripted_vault import (
    SEAL_STATUS,
    SHARES,
    UNSEAL,
    Answer,
    ScriptedVault,
    error,
    seal_status,
)

SEALED = seal_status("shamir", initialized=True)
UNSEALED = seal_status("shamir", initialized=True, sealed=False, cluster_id="7d")
NOT_JOINED = seal_status("shamir")


def unseal(vault: ScriptedVault, *, replicas: int = 1, seconds: float = 20) -> None:
    unseal_pods(access(vault.address), replicas=replicas, key_shares=SHARES, threshold=3, seconds=seconds)


def shares_given(vault: ScriptedVault) -> list[str]:
    return [str(request.body["key"]) for request in vault.asked(UNSEAL) if "key" in request.body]


def test_as_many_shares_as_are_needed_are_given(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, SEALED, UNSEALED)
    vault.answers(UNSEAL, UNSEALED)
    unseal(vault)
    assert vault.unsealed_with() == SHARES[:3]


def test_unsealed_pods_are_left_alone(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, UNSEALED)
    unseal(vault, replicas=3)
    assert len(vault.asked(SEAL_STATUS)) == 3
    assert vault.asked(UNSEAL) == []


def test_pod_that_has_not_joined_is_given_no_shares(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, error(503), NOT_JOINED, NOT_JOINED, SEALED, UNSEALED)
    vault.answers(UNSEAL, UNSEALED)
    unseal(vault)
    assert vault.unsealed_with() == SHARES[:3]


def test_pod_that_joins_is_given_its_shares_once(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, *[SEALED] * 9, UNSEALED)
    vault.answers(UNSEAL, SEALED)
    unseal(vault)
    assert shares_given(vault) == SHARES[:3]


def test_shares_are_given_again_if_the_server_was_out_of_reach(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, SEALED, SEALED, error(503), SEALED, UNSEALED)
    vault.answers(UNSEAL, SEALED)
    unseal(vault)
    assert shares_given(vault) == SHARES[:3] * 2


def test_shares_are_given_again_if_somebody_reset_them(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, SEALED, Answer({**SEALED.body, "progress": 2}), SEALED, UNSEALED)
    vault.answers(UNSEAL, SEALED)
    unseal(vault)
    assert shares_given(vault) == SHARES[:3] * 2


def test_pod_that_stays_sealed(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, SEALED)
    vault.answers(UNSEAL, SEALED)
    with pytest.raises(DeploymentError, match="the shares were submitted, and it is still sealed"):
        unseal(vault, seconds=0.3)


def test_pod_that_never_joins(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, NOT_JOINED)
    with pytest.raises(DeploymentError) as raised:
        unseal(vault, seconds=0.3)
    assert "vault-0 isn't unsealed: not joined yet" in str(raised.value)
    assert "python -m components unseal" in str(raised.value)
    assert vault.asked(UNSEAL) == []


def test_shares_of_another_vault_are_told_at_once(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, SEALED)
    vault.answers(UNSEAL, SEALED, error(400, "'key' must be a valid hex or base64 string"))
    with pytest.raises(VaultRefusedError) as raised:
        unseal(vault)
    assert vault.unsealed_with() == SHARES[:1]
    assert not [share for share in SHARES if share in str(raised.value)]


def test_no_share_is_said(vault: ScriptedVault, capfd: pytest.CaptureFixture[str]) -> None:
    vault.answers(SEAL_STATUS, SEALED, UNSEALED)
    vault.answers(UNSEAL, UNSEALED)
    unseal(vault)
    said = "".join(capfd.readouterr())
    assert "vault-0 is unsealed" in said
    assert not [share for share in SHARES if share in said]


def test_every_pod_is_waited_for_by_a_watch(vault: ScriptedVault, monkeypatch: pytest.MonkeyPatch) -> None:
    watched: list[tuple[int, float]] = []
    monkeypatch.setattr(
        PodAccess, "await_running", lambda _, ordinal, seconds: watched.append((ordinal, seconds))
    )
    vault.answers(SEAL_STATUS, UNSEALED)
    unseal(vault, replicas=2)
    assert watched == [(0, 10), (1, 10)]
