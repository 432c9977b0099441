"""Rekeys a Vault, so that at every moment a stored set of shares unlocks it.

The order: the current shares are proved; Vault returns new ones; the caller stores them, beside the current
ones; only then are they submitted to Vault (its verification step), which makes the current ones void. Any
failure before that leaves the current ones valid.

Shares for holders of PGP keys are encrypted here instead of by Vault. Vault's own way would make the current
shares void before the new ones are stored, with no verification, as only the holders could do one; a backup
inside Vault (`sys/rekey/backup`) needs a token, and there may be none any more. The price: the new shares are
plain in this process until the rekey is over, like the current ones, without which there is no rekey.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from components.custody.pgp_keys import encrypt_share
from components.errors import DeploymentError
from components.progress import say
from components.shares.attempts import REKEY, Attempts
from components.shares.generate_root import WrongSharesError, generate_root_token, prove_shares
from components.vault.client import (
    VaultClient,
    VaultForbiddenError,
    VaultRefusedError,
    VaultUnavailableError,
)
from components.vault.rekey import Rekey, RekeyProgress, RekeyStatus
from components.vault.root_generation import RootGeneration


class UnsettledRekeyError(DeploymentError):
    """It is unknown whether the current or the new shares are valid: keep both, and settle it later."""


class RekeyRunsError(VaultUnavailableError):
    """Somebody else's rekey is in progress on this Vault, and is left alone."""


@dataclass(frozen=True)
class ShareSet:
    """Shares that belong together."""

    shares: Sequence[str] = field(repr=False)
    """Base64."""
    threshold: int
    """Number of shares that are needed."""
    encrypted: bool = False
    """Whether each is a PGP message to its holder, so that they can't be tried here."""


def rekey_shares(
    client: VaultClient,
    *,
    recovery: bool,
    current: Sequence[str],
    threshold: int,
    new_shares: int,
    new_threshold: int,
    pgp_keys: Sequence[str],
    store: Callable[[Sequence[str]], None],
    attempts: Attempts,
) -> Sequence[str]:
    """Replace the shares, and return the new ones, which alone are valid then.

    With ``pgp_keys`` each new share is a PGP message (base64) to its key. ``recovery`` selects recovery
    shares (auto-unseal) instead of key shares (Shamir). ``current`` are plain, and ``threshold`` of them are
    needed. ``pgp_keys``, base64 of the binary form, are one per new share, or none. ``store`` gets the new
    shares and has to make them durable **beside** the current ones: if the process ends before this returns,
    :func:`settle_rekey` finds out which of the two sets is valid. ``attempts`` tell a rekey that a killed run
    left, which is cancelled, from somebody else's.

    Raises :class:`WrongSharesError` if ``current`` aren't the shares of this Vault, :class:`RekeyRunsError`,
    the errors of ``attempts`` and ``store``, :class:`VaultUnavailableError` and :class:`VaultRefusedError`:
    in all these cases ``current`` stay valid. Raises :class:`UnsettledRekeyError` if the connection is lost
    during the last submission.
    """
    old = ShareSet(current, threshold)
    prove_shares(client, current, threshold, attempts)
    with _permitted_rekey(client, old, attempts, recovery=recovery) as (rekey, running):
        if _end_own(rekey, running, attempts):
            raise RekeyRunsError(_runs_already(running.nonce, recovery=recovery))
        started = rekey.start(shares=new_shares, threshold=new_threshold)
        try:
            attempts.note_attempt(REKEY, started.nonce)
            answer = _authorise(rekey, started, current[:threshold])
            stored = _for_holders(answer.new_shares, pgp_keys) if pgp_keys else answer.new_shares
            store(stored)
            for share in answer.new_shares[: new_threshold - 1]:
                rekey.verify(share, answer.verification_nonce)
        except BaseException:
            _cancel(rekey, started.nonce)
            raise
        try:
            rekey.verify(answer.new_shares[new_threshold - 1], answer.verification_nonce)
        except (VaultUnavailableError, VaultRefusedError) as error:
            # Vault may have made the new shares valid, and only its answer was lost.
            new = ShareSet(answer.new_shares, new_threshold)
            settle = partial(
                settle_rekey, client, recovery=recovery, old=old, new=lambda: new, attempts=attempts
            )
            if _settled(settle, error) is old:
                raise
    return stored


def settle_rekey(
    client: VaultClient,
    *,
    recovery: bool,
    old: ShareSet,
    new: Callable[[], ShareSet | None],
    attempts: Attempts,
) -> ShareSet:
    """Return the one of the two sets that is valid after an interrupted rekey.

    ``new`` is asked for only if the old ones are void; None if there are none.

    Cancels a rekey of a killed run first if it is still in progress, so that the answer stays true; somebody
    else's is left alone. ``old`` have to be plain. Raises :class:`WrongSharesError` if neither is valid (this
    is another Vault, or somebody else has made new shares), :class:`VaultUnavailableError` and
    :class:`VaultRefusedError`.
    """
    if old.encrypted:
        raise ValueError("shares that are encrypted to their holders can't be tried")
    # If the old ones are void already, the rekey is over.
    with contextlib.suppress(WrongSharesError):
        end_own_rekey(client, old, recovery=recovery, attempts=attempts)
    try:
        prove_shares(client, old.shares, old.threshold, attempts)
    except WrongSharesError:
        other = new()
        if other is None:
            raise
        if not other.encrypted:
            prove_shares(client, other.shares, other.threshold, attempts)
        # They can't be tried here, and the old ones are void.
        elif RootGeneration(client).status().required != other.threshold:
            raise
        return other
    return old


def end_own_rekey(client: VaultClient, current: ShareSet, *, recovery: bool, attempts: Attempts) -> None:
    """Cancel a rekey that a killed run left; report one of somebody else, which is left alone.

    Raises the errors of ``attempts``, and those of :func:`generate_root_token`, as Vault may want a token.
    """
    with _permitted_rekey(client, current, attempts, recovery=recovery) as (rekey, running):
        if _end_own(rekey, running, attempts):
            say(f"Warning: {_runs_already(running.nonce, recovery=recovery)}")


def _settled(settle: Callable[[], ShareSet], error: DeploymentError) -> ShareSet:
    try:
        return settle()
    # Whatever the reason, such as a lease that is lost: both sets may be the valid one.
    except DeploymentError as unsettled:
        raise UnsettledRekeyError(
            f"Vault was about to make the new shares valid when it failed ({error}), and can't be asked "
            f"whether it did ({unsettled}). Both sets are kept; run pulumi up again."
        ) from None


@contextlib.contextmanager
def _permitted_rekey(
    client: VaultClient, current: ShareSet, attempts: Attempts, *, recovery: bool
) -> Iterator[tuple[Rekey, RekeyStatus]]:
    """Yield the rekey calls and the rekey in progress.

    From Vault 2.0 on they need a token. If the client's own may not do it, a root token is generated from the
    shares for as long as the block lasts. Raises the errors of :func:`generate_root_token`.
    """
    rekey = Rekey(client, recovery=recovery)
    try:
        running = rekey.status()
    except VaultForbiddenError:
        root = client.with_token(generate_root_token(client, current.shares, current.threshold, attempts))
    else:
        yield rekey, running
        return
    try:
        rekey = Rekey(root, recovery=recovery)
        yield rekey, rekey.status()
    finally:
        try:
            root.revoke_own_token()
        except (VaultUnavailableError, VaultRefusedError) as error:
            say(f"A root token that nobody has stays valid, as it couldn't be revoked: {error}")


def _end_own(rekey: Rekey, running: RekeyStatus, attempts: Attempts) -> bool:
    """Cancel a rekey of this program that was interrupted; return whether one of somebody else runs."""
    if not running.started:
        return False
    if not attempts.is_own_attempt(REKEY, running.nonce):
        return True
    say("Ending a change of shares that was begun earlier and not finished; it has changed nothing")
    rekey.cancel(running.nonce)
    return False


def _runs_already(nonce: str, *, recovery: bool) -> str:
    # Vault wants the nonce during the first ten minutes from 1.17.18 on (its notes on upgrading to 1.17).
    target = " -target=recovery" if recovery else ""
    return (
        "A change of shares that this program didn't begin is in progress on this Vault, and it is left "
        f"alone. If nobody is about it any more, end it: vault operator rekey{target} -cancel -nonce={nonce}"
    )


def _authorise(rekey: Rekey, started: RekeyStatus, current: Sequence[str]) -> RekeyProgress:
    """Submit the current shares; the answer to the last one has the new shares."""
    for share in current[:-1]:
        rekey.submit(share, started.nonce)
    return rekey.submit(current[-1], started.nonce)


def _for_holders(shares: Sequence[str], pgp_keys: Sequence[str]) -> Sequence[str]:
    return tuple(encrypt_share(share, key) for share, key in zip(shares, pgp_keys, strict=True))


def _cancel(rekey: Rekey, nonce: str) -> None:
    """Cancel our own rekey; a failure is only reported, as the caller raises the error that led here."""
    try:
        rekey.cancel(nonce)
    except (VaultUnavailableError, VaultRefusedError) as error:
        say(
            f"A change of shares that was begun may be left on Vault ({error}); it has changed nothing. The "
            "next run ends it, unless it was refused before it could be noted; then it says how to end it"
        )
