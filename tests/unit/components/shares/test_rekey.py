"""What a rotation of shares does where it fails; that it works is for real Vaults to show."""

import base64
from collections.abc import Callable, Sequence

import pysequoia
import pytest

from components.errors import DeploymentError
from components.shares.generate_root import WrongSharesError
from components.shares.rekey import RekeyRunsError, ShareSet, UnsettledRekeyError, rekey_shares, settle_rekey
from components.vault.client import VaultClient, VaultRefusedError, VaultUnavailableError
from tests.unit.fakes.remembered_attempts import RememberedAttempts
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


"""Nonces of the rekeys that were started."""


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
    vault: ScriptedVault,
    stored: list[Sequence[str]],
    *,
    pgp_keys: Sequence[str] = (),
    attempts: RememberedAttempts | None = None,
    store: Callable[[Sequence[str]], None] | None = None,
    token: str = "",
) -> Sequence[str]:
    return rekey_shares(
        VaultClient(vault.address, token),
        recovery=True,
        current=CURRENT,
        threshold=3,
        new_shares=4,
        new_threshold=2,
        pgp_keys=pgp_keys,
        store=store or stored.append,
        attempts=attempts or RememberedAttempts(),
    )


def calls(vault: ScriptedVault) -> list[str]:
    return [request.call for request in vault.requests if "rekey" in request.call]


def test_new_shares_are_stored_before_they_are_verified(ready: ScriptedVault) -> None:
    stored: list[Sequence[str]] = []
    asked_when_stored: list[str] = []

    def store(shares: Sequence[str]) -> None:
        stored.append(shares)
        asked_when_stored.extend(calls(ready))

    new = rotate(ready, [], store=store)
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
        rotate(ready, [], store=store)
    assert [request.body for request in ready.asked(CANCEL_REKEY)] == [{"nonce": "own"}]
    assert ready.asked(VERIFY_REKEY) == []


def test_wrong_shares_begin_no_rekey(ready: ScriptedVault) -> None:
    ready.answers(UPDATE_ROOT, MORE, MORE, NOT_THESE)
    with pytest.raises(WrongSharesError):
        rotate(ready, [])
    assert calls(ready) == []


def test_rekey_of_an_earlier_run_is_ended(ready: ScriptedVault, capfd: pytest.CaptureFixture[str]) -> None:
    ready.answers(REKEY, Answer({"started": True, "nonce": "earlier"}))
    rotate(ready, [], attempts=RememberedAttempts(rekey="earlier"))
    assert [request.body for request in ready.asked(CANCEL_REKEY)] == [{"nonce": "earlier"}]
    assert calls(ready)[:3] == [REKEY, CANCEL_REKEY, START_REKEY]
    assert "begun earlier and not finished" in capfd.readouterr().err


@pytest.mark.parametrize("earlier", ["", "earlier"])
def test_rekey_of_people_is_left_alone(ready: ScriptedVault, earlier: str) -> None:
    attempts = RememberedAttempts(rekey=earlier, generate_root="theirs")
    ready.answers(REKEY, Answer({"started": True, "nonce": "theirs"}))
    with pytest.raises(RekeyRunsError, match="vault operator rekey -target=recovery -cancel -nonce=theirs"):
        rotate(ready, [], attempts=attempts)
    assert calls(ready) == [REKEY]
    assert not attempts.is_own_attempt("rekey", "own")


def test_nonce_is_noted_before_any_share_is_given(ready: ScriptedVault) -> None:
    attempts = RememberedAttempts()
    attempts.refused["rekey"] = StoreFailsError("no room")
    with pytest.raises(StoreFailsError):
        rotate(ready, [], attempts=attempts)
    assert ready.asked(UPDATE_REKEY) == []
    assert [request.body for request in ready.asked(CANCEL_REKEY)] == [{"nonce": "own"}]


def test_every_call_carries_a_token_that_may_do_it(ready: ScriptedVault) -> None:
    ready.wants_tokens("hvs.root", TOKEN)
    assert list(rotate(ready, [], token="hvs.root")) == NEW
    assert {request.token for request in ready.requests if "rekey" in request.call} == {"hvs.root"}
    assert len(ready.asked(REVOKE_SELF)) == 1


def test_root_token_of_the_shares_is_used_if_vault_wants_one(ready: ScriptedVault) -> None:
    ready.wants_tokens(TOKEN, unauthenticated=["generate-root"])
    ready.answers(UPDATE_ROOT, *[MORE, MORE, PROVED] * 2)
    assert list(rotate(ready, [], token="hvs.revoked")) == NEW
    assert [request.token for request in ready.requests if "rekey" in request.call] == [
        "hvs.revoked",
        *[TOKEN] * 7,
    ]
    # The one of the proof, and the one of the rekey after it.
    assert [request.token for request in ready.asked(REVOKE_SELF)] == [TOKEN] * 2
    assert ready.requests[-1].call == REVOKE_SELF


def test_root_token_is_revoked_after_a_rekey_that_failed(
    ready: ScriptedVault, capfd: pytest.CaptureFixture[str]
) -> None:
    ready.wants_tokens(TOKEN, unauthenticated=["generate-root"])
    ready.answers(UPDATE_ROOT, *[MORE, MORE, PROVED] * 2)
    ready.answers(UPDATE_REKEY, error(503, "Vault is sealed"))
    ready.answers(REVOKE_SELF, no_content(), error(503, "Vault is sealed"))
    with pytest.raises(VaultUnavailableError, match="Vault is sealed"):
        rotate(ready, [])
    said = capfd.readouterr().err
    assert "A root token that nobody has stays valid" in said
    assert TOKEN not in said


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


def test_lost_answer_that_cannot_be_settled_without_the_lease(ready: ScriptedVault) -> None:
    attempts = RememberedAttempts()

    def lose_lease(_: Sequence[str]) -> None:
        attempts.refused["generate-root"] = StoreFailsError("another run has the lease")

    ready.answers(VERIFY_REKEY, MORE, error(502, "gone"))
    with pytest.raises(UnsettledRekeyError, match="Both sets are kept"):
        rotate(ready, [], store=lose_lease, attempts=attempts)


def test_encrypted_shares_are_valid_where_the_old_ones_are_not(ready: ScriptedVault) -> None:
    ready.answers(UPDATE_ROOT, MORE, MORE, NOT_THESE)
    old, new = ShareSet(CURRENT, 3), ShareSet(["bWVzc2FnZQ=="], 3, encrypted=True)
    client = VaultClient(ready.address)
    assert settle_rekey(client, recovery=True, old=old, new=lambda: new, attempts=RememberedAttempts()) is new
    assert len(ready.asked(START_ROOT)) == 1
    # Somebody else has made shares meanwhile.
    others = ShareSet(new.shares, 2, encrypted=True)
    with pytest.raises(WrongSharesError):
        settle_rekey(client, recovery=True, old=old, new=lambda: others, attempts=RememberedAttempts())
    with pytest.raises(ValueError, match="can't be tried"):
        settle_rekey(client, recovery=True, old=others, new=lambda: new, attempts=RememberedAttempts())


@pytest.mark.parametrize(("own_nonce", "ended"), [("earlier", True), ("", False), ("other", False)])
def test_only_a_rekey_of_its_own_is_ended_to_settle(
    ready: ScriptedVault, capfd: pytest.CaptureFixture[str], own_nonce: str, ended: bool
) -> None:
    ready.answers(REKEY, Answer({"started": True, "nonce": "earlier"}))
    old, new = ShareSet(CURRENT, 3), ShareSet(NEW, 2)
    client = VaultClient(ready.address)
    assert (
        settle_rekey(
            client, recovery=True, old=old, new=lambda: new, attempts=RememberedAttempts(rekey=own_nonce)
        )
        is old
    )
    assert bool(ready.asked(CANCEL_REKEY)) is ended
    assert ("it is left alone" in capfd.readouterr().err) is not ended


@pytest.mark.parametrize("old_valid", [True, False])
def test_vault_that_wants_a_token_is_settled_with_one_of_the_shares(
    ready: ScriptedVault, old_valid: bool
) -> None:
    ready.wants_tokens(TOKEN, unauthenticated=["generate-root"])
    ready.answers(REKEY, Answer({"started": old_valid, "nonce": "earlier" if old_valid else ""}))
    # Root tokens for the rekey's calls and for the proof; if the old ones are wrong, both attempts fail.
    ready.answers(
        UPDATE_ROOT,
        *([MORE, MORE, PROVED] * 2 if old_valid else [*[MORE, MORE, NOT_THESE] * 2, MORE, PROVED]),
    )
    ready.answers(
        START_ROOT,
        *[root_generation_started(nonce="proof", pad=PAD)] * 2,
        root_generation_started(nonce="proof", pad=PAD, required=2),
    )
    old, new = ShareSet(CURRENT, 3), ShareSet(NEW, 2)
    client = VaultClient(ready.address)
    valid = settle_rekey(
        client, recovery=True, old=old, new=lambda: new, attempts=RememberedAttempts(rekey="earlier")
    )
    assert valid is (old if old_valid else new)
    assert len(ready.asked(CANCEL_REKEY)) == int(old_valid)


def test_share_sets_print_no_share() -> None:
    assert CURRENT[0] not in repr(ShareSet(CURRENT, 3))
