"""What a rotation of shares does where it fails; that it works is for real Vaults to show."""

import base64
from collections.abc import Sequence

import pysequoia
import pytest

from components.errors import DeploymentError
from components.shares.generate_root import WrongSharesError
from components.shares.rekey import ShareSet, UnsettledRekeyError, rekey_shares, settle_rekey
from components.vault.client import VaultClient, VaultRefusedError, VaultUnavailableError
from tests.unit.fakes.scripted_vault import (
    CANCEL_REKEY,
    CANCEL_ROOT,
    REKEY,
    REVOKE_SELF,
    ROOT_ATTEMPT,
    SHARES,
    START_REKEY,
    START_ROOT,
    UPDATE_REKEY,
    UPDATE_ROOT,
    VERIFY_REKEY,
    Answer,
    ScriptedVault,
    error,
    no_content,
    root_generation,
    root_generation_done,
    root_generation_started,
)

CURRENT = SHARES[:3]
NEW = [base64.b64encode(bytes([number]) * 33).decode() for number in range(4)]
TOKEN, PAD = "hvs.token", "Pad0Pad1P"
MORE = Answer({"complete": False})
NO_REKEY = Answer({"started": False, "nonce": ""})
STARTED = Answer({"started": True, "nonce": "own", "verification_required": True})
AUTHORISED = Answer({"complete": True, "keys_base64": NEW, "verification_nonce": "check"})
VERIFIED = Answer({"complete": True, "nonce": "check"})
PROVED = root_generation_done(token=TOKEN, pad=PAD)
NOT_THESE = error(400, "root generation aborted: recovery key does not match submitted values")


class StoreFailsError(DeploymentError):
    """The store's own error."""


@pytest.fixture
def ready(vault: ScriptedVault) -> ScriptedVault:
    """A Vault where the current shares are right and a rekey goes well."""
    vault.answers(ROOT_ATTEMPT, root_generation())
    vault.answers(START_ROOT, root_generation_started(nonce="proof", pad=PAD))
    vault.answers(UPDATE_ROOT, MORE, MORE, PROVED)
    vault.answers(CANCEL_ROOT, no_content())
    vault.answers(REVOKE_SELF, no_content())
    vault.answers(REKEY, NO_REKEY)
    vault.answers(START_REKEY, STARTED)
    vault.answers(UPDATE_REKEY, MORE, MORE, AUTHORISED)
    vault.answers(VERIFY_REKEY, MORE, VERIFIED)
    vault.answers(CANCEL_REKEY, no_content())
    return vault


def rotate(
    vault: ScriptedVault, stored: list[Sequence[str]], *, pgp_keys: Sequence[str] = ()
) -> Sequence[str]:
    return rekey_shares(
        VaultClient(vault.address),
        recovery=True,
        current=CURRENT,
        threshold=3,
        new_shares=4,
        new_threshold=2,
        pgp_keys=pgp_keys,
        store=stored.append,
    )


def calls(vault: ScriptedVault) -> list[str]:
    return [request.call for request in vault.requests if "rekey" in request.call]


def test_new_shares_are_stored_before_they_are_verified(ready: ScriptedVault) -> None:
    stored: list[Sequence[str]] = []
    asked_when_stored: list[str] = []

    def store(shares: Sequence[str]) -> None:
        stored.append(shares)
        asked_when_stored.extend(calls(ready))

    new = rekey_shares(
        VaultClient(ready.address),
        recovery=True,
        current=CURRENT,
        threshold=3,
        new_shares=4,
        new_threshold=2,
        pgp_keys=(),
        store=store,
    )
    assert list(new) == list(stored[0]) == NEW
    assert asked_when_stored == [REKEY, START_REKEY, *[UPDATE_REKEY] * 3]
    assert calls(ready)[5:] == [VERIFY_REKEY] * 2
    (start,) = ready.asked(START_REKEY)
    assert start.body == {"secret_shares": 4, "secret_threshold": 2, "require_verification": True}
    assert [request.body["key"] for request in ready.asked(UPDATE_REKEY)] == CURRENT
    assert [request.body["nonce"] for request in ready.asked(UPDATE_REKEY)] == ["own"] * 3
    assert [request.body for request in ready.asked(VERIFY_REKEY)] == [
        {"key": share, "nonce": "check"} for share in NEW[:2]
    ]


def test_shares_for_holders_are_stored_encrypted(ready: ScriptedVault) -> None:
    holders = [
        pysequoia.Tsk.generate(user_id=str(number), profile=pysequoia.Profile.RFC4880) for number in range(4)
    ]
    keys = [base64.b64encode(bytes(holder.extract_certificate())).decode() for holder in holders]
    stored: list[Sequence[str]] = []
    new = rotate(ready, stored, pgp_keys=keys)
    assert list(new) == list(stored[0])
    digits = [
        pysequoia.decrypt(base64.b64decode(message), decryptor=holder.decryptor()).bytes
        for message, holder in zip(new, holders, strict=True)
    ]
    assert digits == [base64.b64decode(share).hex().encode() for share in NEW]
    assert [request.body["key"] for request in ready.asked(VERIFY_REKEY)] == NEW[:2]


def test_store_that_fails_ends_the_rekey(ready: ScriptedVault) -> None:
    def store(_: Sequence[str]) -> None:
        raise StoreFailsError("no room")

    with pytest.raises(StoreFailsError, match="no room"):
        rekey_shares(
            VaultClient(ready.address),
            recovery=True,
            current=CURRENT,
            threshold=3,
            new_shares=4,
            new_threshold=2,
            pgp_keys=(),
            store=store,
        )
    assert [request.body for request in ready.asked(CANCEL_REKEY)] == [{"nonce": "own"}]
    assert ready.asked(VERIFY_REKEY) == []


def test_wrong_shares_begin_no_rekey(ready: ScriptedVault) -> None:
    ready.answers(UPDATE_ROOT, MORE, MORE, NOT_THESE)
    with pytest.raises(WrongSharesError):
        rotate(ready, [])
    assert calls(ready) == []


def test_rekey_of_an_earlier_run_is_ended(ready: ScriptedVault, capfd: pytest.CaptureFixture[str]) -> None:
    ready.answers(REKEY, Answer({"started": True, "nonce": "earlier"}))
    rotate(ready, [])
    assert [request.body for request in ready.asked(CANCEL_REKEY)] == [{"nonce": "earlier"}]
    assert calls(ready)[:3] == [REKEY, CANCEL_REKEY, START_REKEY]
    assert "begun earlier and not finished" in capfd.readouterr().err


def test_vault_without_the_verification_step_gets_no_shares(ready: ScriptedVault) -> None:
    ready.answers(START_REKEY, Answer({"started": True, "nonce": "own"}))
    with pytest.raises(VaultRefusedError, match="without its verification step"):
        rotate(ready, [])
    assert ready.asked(UPDATE_REKEY) == []


def test_other_leader_amid_the_rekey_is_worth_another_try(ready: ScriptedVault) -> None:
    ready.answers(UPDATE_REKEY, MORE, error(400, "no recovery rekey in progress"))
    with pytest.raises(VaultUnavailableError, match="was ended"):
        rotate(ready, [])


def test_rekey_that_cannot_be_ended_is_told(ready: ScriptedVault, capfd: pytest.CaptureFixture[str]) -> None:
    ready.answers(UPDATE_REKEY, error(503, "Vault is sealed"))
    ready.answers(CANCEL_REKEY, error(503, "Vault is sealed"))
    with pytest.raises(VaultUnavailableError, match="Vault is sealed"):
        rotate(ready, [])
    assert "may be left on Vault" in capfd.readouterr().err


def test_lost_answer_to_the_last_share_with_the_new_shares_valid(ready: ScriptedVault) -> None:
    ready.answers(VERIFY_REKEY, MORE, error(502))
    # The first proof; afterwards the old shares are wrong, and two of the new ones are right.
    ready.answers(UPDATE_ROOT, MORE, MORE, PROVED, MORE, MORE, NOT_THESE, MORE, PROVED)
    ready.answers(
        START_ROOT,
        root_generation_started(nonce="proof", pad=PAD),
        root_generation_started(nonce="proof", pad=PAD),
        root_generation_started(nonce="proof", pad=PAD, required=2),
    )
    assert list(rotate(ready, [])) == NEW


def test_lost_answer_to_the_last_share_with_the_current_shares_valid(ready: ScriptedVault) -> None:
    ready.answers(VERIFY_REKEY, MORE, error(502))
    ready.answers(UPDATE_ROOT, *[MORE, MORE, PROVED] * 2)
    with pytest.raises(VaultUnavailableError):
        rotate(ready, [])


def test_lost_answer_that_cannot_be_settled(ready: ScriptedVault) -> None:
    ready.answers(VERIFY_REKEY, MORE, error(502, "gone"))
    ready.answers(REKEY, NO_REKEY, error(503, "Vault is sealed"))
    with pytest.raises(UnsettledRekeyError, match="Both sets are kept") as raised:
        rotate(ready, [])
    assert not [share for share in (*CURRENT, *NEW) if share in str(raised.value)]


def test_encrypted_shares_are_valid_where_the_old_ones_are_not(ready: ScriptedVault) -> None:
    ready.answers(UPDATE_ROOT, MORE, MORE, NOT_THESE)
    old, new = ShareSet(CURRENT, 3), ShareSet(["bWVzc2FnZQ=="], 1, encrypted=True)
    assert settle_rekey(VaultClient(ready.address), recovery=True, old=old, new=new) is new
    assert len(ready.asked(START_ROOT)) == 1


def test_share_sets_print_no_share() -> None:
    assert CURRENT[0] not in repr(ShareSet(CURRENT, 3))
