"""Whether keys are those of the Vault that answers: shares are proved, not only the token."""

from dataclasses import replace

import pytest

from components.custody.key_record import KeyRecord
from components.shares import verification
from components.shares.verification import WrongKeysError, verify_keys
from components.vault.client import VaultClient, VaultForbiddenError, VaultUnavailableError
from tests.unit.fakes.remembered_attempts import RememberedAttempts
from tests.unit.fakes.scripted_vault import (
    LOOKUP_SELF,
    REVOKE_SELF,
    ROOT_TOKEN,
    SEAL_STATUS,
    SHARES,
    START_ROOT,
    UNSEAL,
    UPDATE_ROOT,
    Answer,
    ScriptedVault,
    error,
    seal_status,
)
from tests.unit.fakes.vault_keys import NEW_TOKEN, RECORD, STORED, UNSEALED, answer_proofs, shown

SHAMIR = replace(RECORD, seal_type="shamir", seal_key="", recovery_shares=(), key_shares=tuple(SHARES))
SEALED_SHAMIR = seal_status("shamir", initialized=True)
UNSEALED_SHAMIR = seal_status("shamir", initialized=True, sealed=False, cluster_id="7d0f")
ENCRYPTED = replace(RECORD, shares_encrypted=True)


@pytest.mark.parametrize("record", [RECORD, STORED, RECORD.without_root_token()])
def test_plain_shares_are_proved_and_leave_no_token(vault: ScriptedVault, record: KeyRecord) -> None:
    answer_proofs(vault, True)
    verify_keys(VaultClient(vault.address), record, RememberedAttempts())
    assert [request.body["key"] for request in vault.asked(UPDATE_ROOT)] == SHARES[:3]
    assert [request.token for request in vault.asked(REVOKE_SELF)] == [NEW_TOKEN]


@pytest.mark.parametrize(
    ("record", "valid"),
    [(RECORD, ROOT_TOKEN), (RECORD, "hvs.setting"), (RECORD.without_root_token(), "hvs.setting")],
)
def test_proof_carries_a_token_that_may_do_it(vault: ScriptedVault, record: KeyRecord, valid: str) -> None:
    answer_proofs(vault, True)
    vault.wants_tokens(valid, NEW_TOKEN)
    verify_keys(VaultClient(vault.address), record, RememberedAttempts(), "hvs.setting")
    assert {request.token for request in vault.asked(UPDATE_ROOT)} == {valid}


def test_proof_without_a_token_that_may_do_it_says_what_to_do(vault: ScriptedVault) -> None:
    answer_proofs(vault, True)
    vault.wants_tokens("hvs.of-nobody-here")
    with pytest.raises(VaultForbiddenError, match=r"init\.unauthenticatedGenerateRoot") as raised:
        verify_keys(VaultClient(vault.address), RECORD, RememberedAttempts(), "hvs.setting")
    assert shown(str(raised.value)) == []
    assert vault.asked(START_ROOT) == []


def test_token_that_works_is_no_proof_of_the_shares(vault: ScriptedVault) -> None:
    answer_proofs(vault, False)
    vault.answers(LOOKUP_SELF, Answer({"data": {}}))
    with pytest.raises(WrongKeysError, match="the shares don't unlock this Vault") as raised:
        verify_keys(VaultClient(vault.address), RECORD, RememberedAttempts())
    assert shown(str(raised.value)) == []


def test_encrypted_shares_are_vouched_for_by_the_token(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, UNSEALED)
    vault.answers(LOOKUP_SELF, Answer({"data": {}}))
    verify_keys(VaultClient(vault.address), ENCRYPTED, RememberedAttempts())
    assert [request.token for request in vault.asked(LOOKUP_SELF)] == [ROOT_TOKEN]
    assert vault.asked(START_ROOT) == []


def test_token_of_another_vault_is_refused(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, UNSEALED)
    vault.answers(LOOKUP_SELF, error(403, "permission denied"))
    with pytest.raises(WrongKeysError, match="the root token isn't one of this Vault"):
        verify_keys(VaultClient(vault.address), ENCRYPTED, RememberedAttempts())


@pytest.mark.parametrize(("cluster_id", "said"), [("", True), ("7d0f", False)])
def test_keys_that_are_all_encrypted_are_told_by_the_cluster(
    vault: ScriptedVault, capfd: pytest.CaptureFixture[str], cluster_id: str, said: bool
) -> None:
    vault.answers(SEAL_STATUS, UNSEALED)
    verify_keys(
        VaultClient(vault.address),
        replace(ENCRYPTED, root_token_encrypted=True, cluster_id=cluster_id),
        RememberedAttempts(),
    )
    assert ("can't be tried on Vault" in capfd.readouterr().err) is said
    assert {request.call for request in vault.requests} == {SEAL_STATUS}


@pytest.mark.parametrize(
    "record", [replace(STORED, cluster_id="e150"), replace(ENCRYPTED, cluster_id="e150")]
)
def test_keys_of_another_cluster_are_refused_unseen(vault: ScriptedVault, record: KeyRecord) -> None:
    vault.answers(SEAL_STATUS, UNSEALED)
    with pytest.raises(WrongKeysError, match="those of Vault cluster e150, and 7d0f answers"):
        verify_keys(VaultClient(vault.address), replace(record, cluster_id="e150"), RememberedAttempts())
    assert {request.call for request in vault.requests} == {SEAL_STATUS}


def test_sealed_vault_can_tell_nothing_yet(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, seal_status(initialized=True))
    with pytest.raises(VaultUnavailableError, match="Vault is sealed"):
        verify_keys(VaultClient(vault.address), RECORD, RememberedAttempts())


def test_shares_of_shamir_unseal(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, SEALED_SHAMIR, UNSEALED_SHAMIR)
    vault.answers(UNSEAL, SEALED_SHAMIR)
    verify_keys(VaultClient(vault.address), SHAMIR, RememberedAttempts())
    assert vault.unsealed_with() == SHARES[:3]


def test_shares_of_an_unsealed_shamir_are_proved(vault: ScriptedVault) -> None:
    answer_proofs(vault, True)
    vault.answers(SEAL_STATUS, UNSEALED_SHAMIR)
    verify_keys(VaultClient(vault.address), SHAMIR, RememberedAttempts())
    assert len(vault.asked(UPDATE_ROOT)) == 3


@pytest.mark.parametrize("answer", [error(400, "Unseal failed, invalid key"), SEALED_SHAMIR])
def test_shares_of_another_shamir_are_refused(
    vault: ScriptedVault, monkeypatch: pytest.MonkeyPatch, answer: Answer
) -> None:
    monkeypatch.setattr(verification, "_UNSEAL_SECONDS", 0.1)
    vault.answers(SEAL_STATUS, SEALED_SHAMIR)
    vault.answers(UNSEAL, answer)
    with pytest.raises(WrongKeysError, match="the key shares don't unseal this Vault") as raised:
        verify_keys(VaultClient(vault.address), SHAMIR, RememberedAttempts())
    assert shown(str(raised.value)) == []
