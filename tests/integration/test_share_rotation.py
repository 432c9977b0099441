"""Shares of real Vaults replaced: which set unlocks them, wherever the rotation is interrupted."""

import base64
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pysequoia
import pytest

from components.custody.pgp_keys import load_public_key
from components.seals import awskms
from components.shares.generate_root import WrongSharesError, prove_shares
from components.shares.rekey import RekeyRunsError, ShareSet, rekey_shares, settle_rekey
from components.vault.client import VaultClient, VaultUnavailableError
from components.vault.rekey import Rekey
from tests.built_tools import on_each_vault
from tests.integration.initialised_vault import SEALS, InitialisedVault, initialised_vault
from tests.integration.key_service import REGION, KeyService
from tests.integration.vault_servers import vault_servers, wait_until
from tests.unit.fakes.remembered_attempts import RememberedAttempts

pytestmark = on_each_vault


@pytest.fixture(params=SEALS)
def vault(
    request: pytest.FixtureRequest, vault_program: Path, tmp_path: Path, kms: KeyService
) -> Iterator[InitialisedVault]:
    with initialised_vault(vault_program, tmp_path, request.param, kms) as initialised:
        yield initialised


class Kept:
    """What a store was given."""

    def __init__(self) -> None:
        self.shares: Sequence[str] = ()
        self.attempts = RememberedAttempts()

    def put(self, shares: Sequence[str]) -> None:
        self.shares = tuple(shares)


def rotate(
    vault: InitialisedVault,
    kept: Kept,
    *,
    pgp_keys: Sequence[str] = (),
    store: Callable[[Sequence[str]], None] | None = None,
) -> Sequence[str]:
    """Make four shares, two of which are needed; ``store`` stands for that of ``kept``."""
    return rekey_shares(
        vault.client,
        recovery=vault.recovery,
        current=vault.shares,
        threshold=3,
        new_shares=4,
        new_threshold=2,
        pgp_keys=pgp_keys,
        store=store or kept.put,
        attempts=kept.attempts,
    )


def settle(vault: InitialisedVault, new: ShareSet, attempts: RememberedAttempts | None = None) -> ShareSet:
    old, attempts = ShareSet(vault.shares, 3), attempts or RememberedAttempts()
    return settle_rekey(vault.client, recovery=vault.recovery, old=old, new=lambda: new, attempts=attempts)


def unlock(vault: InitialisedVault, shares: Sequence[str], threshold: int) -> bool:
    try:
        prove_shares(vault.client, shares, threshold, RememberedAttempts())
    except WrongSharesError:
        return False
    return True


def restart(vault: InitialisedVault, shares: Sequence[str]) -> None:
    """Kills the server and starts it again; a Shamir seal is opened with the shares."""
    vault.servers.kill()
    vault.servers.start()
    if not vault.recovery:
        for share in shares:
            vault.client.submit_key_share(share)
    wait_until("vault-0 is active", 30, vault.servers[0].is_active)


def test_new_shares_replace_the_current_ones(vault: InitialisedVault) -> None:
    kept = Kept()
    new = rotate(vault, kept)
    assert list(new) == list(kept.shares)
    assert len(set(new)) == 4
    assert unlock(vault, new, 2)
    assert unlock(vault, new[2:], 2)
    assert not unlock(vault, vault.shares, 3)
    assert Rekey(vault.client, recovery=vault.recovery).status().started is False
    restart(vault, new[1:3])
    assert unlock(vault, new, 2)
    assert not unlock(vault, vault.shares, 3)
    assert settle(vault, ShareSet(new, 2)).shares == new


class KilledError(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize("moment", ["store", "verify", "update"])
def test_interrupted_before_the_last_share(
    vault: InitialisedVault, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    kept = Kept()

    def killed(*_: object) -> None:
        raise KilledError

    with monkeypatch.context() as patched, pytest.raises(KilledError):
        if moment == "store":
            patched.setattr(kept, "put", killed)
        else:
            patched.setattr(Rekey, {"verify": "verify", "update": "submit"}[moment], killed)
        # A process that is killed cancels nothing.
        patched.setattr(Rekey, "cancel", lambda *_: None)
        rotate(vault, kept)

    assert Rekey(vault.client, recovery=vault.recovery).status().started is True
    assert unlock(vault, vault.shares, 3)
    # The next run begins again, over what was left.
    new = rotate(vault, kept)
    assert unlock(vault, new, 2)
    assert not unlock(vault, vault.shares, 3)


def test_rekey_of_people_goes_on(vault: InitialisedVault) -> None:
    theirs = Rekey(vault.client, recovery=vault.recovery)
    nonce = theirs.start(shares=3, threshold=2).nonce
    theirs.submit(vault.shares[0], nonce)
    with pytest.raises(RekeyRunsError, match="vault operator rekey"):
        rotate(vault, Kept())
    assert settle(vault, ShareSet(["c2hhcmU="], 1)).shares == vault.shares
    theirs.submit(vault.shares[1], nonce)
    assert len(theirs.submit(vault.shares[2], nonce).new_shares) == 3


def test_failed_store_leaves_nothing_behind(vault: InitialisedVault) -> None:
    class FullError(Exception):
        pass

    def full(_: Sequence[str]) -> None:
        raise FullError

    with pytest.raises(FullError):
        rotate(vault, Kept(), store=full)
    assert Rekey(vault.client, recovery=vault.recovery).status().started is False
    assert unlock(vault, vault.shares, 3)


def test_settled_after_a_kill_amid_the_verification(
    vault: InitialisedVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Kept()
    given: list[str] = []
    verify = Rekey.verify

    def killed_at_the_second(rekey: Rekey, share: str, nonce: str) -> None:
        if given:
            raise KilledError
        given.append(share)
        verify(rekey, share, nonce)

    with monkeypatch.context() as patched, pytest.raises(KilledError):
        patched.setattr(Rekey, "verify", killed_at_the_second)
        patched.setattr(Rekey, "cancel", lambda *_: None)
        rotate(vault, kept)
    assert settle(vault, ShareSet(kept.shares, 2), kept.attempts).shares == vault.shares
    assert Rekey(vault.client, recovery=vault.recovery).status().started is False
    assert unlock(vault, vault.shares, 3)
    assert not unlock(vault, kept.shares, 2)


def test_answer_to_the_last_share_is_lost(vault: InitialisedVault, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Kept()
    given: list[str] = []
    verify = Rekey.verify

    def lost_at_the_second(rekey: Rekey, share: str, nonce: str) -> None:
        verify(rekey, share, nonce)
        given.append(share)
        if len(given) == 2:
            raise VaultUnavailableError("the tunnel broke")

    with monkeypatch.context() as patched:
        patched.setattr(Rekey, "verify", lost_at_the_second)
        new = rotate(vault, kept)
    assert len(given) == 2
    assert unlock(vault, new, 2)


def test_restart_amid_the_verification(vault: InitialisedVault) -> None:
    kept = Kept()

    def store(shares: Sequence[str]) -> None:
        kept.put(shares)
        restart(vault, vault.shares[:3])

    with pytest.raises(VaultUnavailableError, match="was ended"):
        rotate(vault, kept, store=store)
    assert settle(vault, ShareSet(kept.shares, 2)).shares == vault.shares


def test_shares_for_holders(vault: InitialisedVault) -> None:
    holders = [
        pysequoia.Tsk.generate(user_id=f"Holder {number}", profile=pysequoia.Profile.RFC4880)
        for number in range(4)
    ]
    keys = [load_public_key(str(holder.extract_certificate())).base64 for holder in holders]
    kept = Kept()
    messages = rotate(vault, kept, pgp_keys=keys)
    assert list(messages) == list(kept.shares)
    decrypted = [
        pysequoia.decrypt(base64.b64decode(message), decryptor=holder.decryptor()).bytes
        for message, holder in zip(messages, holders, strict=True)
    ]
    shares = [digits.decode() for digits in decrypted if digits is not None]
    assert unlock(vault, shares, 2)
    assert unlock(vault, shares[2:], 2)
    assert not unlock(vault, vault.shares, 3)
    assert settle(vault, ShareSet(messages, 2, encrypted=True)).shares == messages


def test_through_a_standby_and_over_a_change_of_leader(
    vault_program: Path, tmp_path: Path, kms: KeyService
) -> None:
    with vault_servers(
        vault_program,
        tmp_path,
        replicas=3,
        seal=awskms.stanza(REGION, kms.key_id),
        environment=kms.environment,
    ) as servers:
        answer = VaultClient(servers[0].address).initialize(shares=5, threshold=3, recovery=True)
        wait_until(
            "the others follow", 60, lambda: all(follows(server.address) for server in servers.servers)
        )
        standby = VaultClient(servers[1].address)
        prove_shares(standby, answer.recovery_shares, 3, RememberedAttempts())
        kept = Kept()

        def store(shares: Sequence[str]) -> None:
            kept.put(shares)
            if len(shares) == 4:
                servers[0].client(answer.root_token).sys.step_down()
                wait_until("another server leads", 30, lambda: not servers[0].is_active())

        with pytest.raises(VaultUnavailableError):
            rekey_shares(
                standby,
                recovery=True,
                current=answer.recovery_shares,
                threshold=3,
                new_shares=4,
                new_threshold=2,
                pgp_keys=(),
                store=store,
                attempts=RememberedAttempts(),
            )
        wait_until("there is a leader", 60, lambda: any(server.is_active() for server in servers.servers))
        old, new = ShareSet(answer.recovery_shares, 3), ShareSet(kept.shares, 2)
        wait_until("the rotation is settled", 60, lambda: settled(standby, old, new) is old)
        rotated = rekey_shares(
            standby,
            recovery=True,
            current=answer.recovery_shares,
            threshold=3,
            new_shares=5,
            new_threshold=3,
            pgp_keys=(),
            store=store,
            attempts=RememberedAttempts(),
        )
        prove_shares(VaultClient(servers[2].address), rotated, 3, RememberedAttempts())


def follows(address: str) -> bool:
    client = VaultClient(address)
    return not client.seal_status().sealed and bool(client.leader().leader_address)


def settled(client: VaultClient, old: ShareSet, new: ShareSet) -> ShareSet | None:
    try:
        return settle_rekey(client, recovery=True, old=old, new=lambda: new, attempts=RememberedAttempts())
    except VaultUnavailableError:
        return None
