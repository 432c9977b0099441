"""Replaces the shares of a Vault by new ones, so that at every moment a set that is kept unlocks it.

The order: the current shares are proved; Vault hands out new ones; the caller stores them, beside the current
ones; only then are they given back to Vault (its verification step), which makes the current ones void.
Whatever fails before that leaves the current ones valid.

Shares for holders of PGP keys are encrypted here instead of by Vault. Vault's own way would make the current
shares void before anything of the new ones is stored, with no verification, as only the holders could do one;
a backup inside Vault (`sys/rekey/backup`) needs a token to get at, which there may be none of any more. The
price: the new shares are plain in this process until the rotation is over, as the current ones are, without
which there is no rotation.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from components.custody.pgp_keys import encrypt_share
from components.errors import DeploymentError
from components.progress import say
from components.shares.generate_root import WrongSharesError, prove_shares
from components.vault.client import VaultClient, VaultRefusedError, VaultUnavailableError
from components.vault.rekey import Rekey, RekeyProgress, RekeyStatus


class UnsettledRekeyError(DeploymentError):
    """Vault can't be asked whether the current or the new shares are valid: keep both, settle it later."""


@dataclass(frozen=True)
class ShareSet:
    """Shares that belong together."""

    shares: Sequence[str] = field(repr=False)
    """Base64."""
    threshold: int
    """How many of them are needed."""
    encrypted: bool = False
    """Whether each is a PGP message to its holder, so that nobody here can try them."""


def rotate_shares(
    client: VaultClient,
    *,
    recovery: bool,
    current: Sequence[str],
    threshold: int,
    new_shares: int,
    new_threshold: int,
    pgp_keys: Sequence[str],
    store: Callable[[Sequence[str]], None],
) -> Sequence[str]:
    """The new shares, which alone are valid when this returns; with ``pgp_keys`` messages (base64) to them.

    ``recovery`` tells recovery shares (auto-unseal) from key shares (Shamir). ``current`` are plain, and
    ``threshold`` of them are needed. ``pgp_keys``, base64 of the binary form, are one a new share, or none.
    ``store`` gets what is returned and has to make it durable **beside** the current shares: when the process
    ends before this returns, :func:`settle_rotation` tells which of the two sets is the valid one.

    Raises :class:`WrongSharesError` where ``current`` aren't the shares of this Vault, what ``store`` raises,
    :class:`VaultUnavailableError` and :class:`VaultRefusedError`: in all these cases ``current`` stay valid.
    Raises :class:`UnsettledRekeyError` where the connection is lost at the moment that decides.
    """
    prove_shares(client, current, threshold)
    rekey = Rekey(client, recovery=recovery)
    _end_leftover(rekey)
    started = rekey.start(shares=new_shares, threshold=new_threshold)
    try:
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
        # Vault may have made the new shares valid, and only its answer didn't come.
        old, new = ShareSet(current, threshold), ShareSet(answer.new_shares, new_threshold)
        if _settled(client, recovery=recovery, old=old, new=new, error=error) is old:
            raise
    return stored


def settle_rotation(client: VaultClient, *, recovery: bool, old: ShareSet, new: ShareSet) -> ShareSet:
    """Which of the two sets is valid after a rotation that was interrupted; one of them always is.

    Ends what is left of the rotation first, so the answer stays true. ``old`` are plain. Raises
    :class:`WrongSharesError` where neither is valid (this is another Vault),
    :class:`VaultUnavailableError` and :class:`VaultRefusedError`.
    """
    _end_leftover(Rekey(client, recovery=recovery))
    try:
        prove_shares(client, old.shares, old.threshold)
    except WrongSharesError:
        # Encrypted shares can't be tried here; of the two sets they are the one that is left.
        if not new.encrypted:
            prove_shares(client, new.shares, new.threshold)
        return new
    return old


def _settled(
    client: VaultClient, *, recovery: bool, old: ShareSet, new: ShareSet, error: DeploymentError
) -> ShareSet:
    try:
        return settle_rotation(client, recovery=recovery, old=old, new=new)
    except (VaultUnavailableError, VaultRefusedError, WrongSharesError) as unsettled:
        raise UnsettledRekeyError(
            f"Vault was about to make the new shares valid when it failed ({error}), and can't be asked "
            f"whether it did ({unsettled}). Both sets are kept; run pulumi up again."
        ) from None


def _end_leftover(rekey: Rekey) -> None:
    status = rekey.status()
    if status.started:
        say("Ending a change of shares that was begun earlier and not finished; it has changed nothing")
        rekey.cancel(status.nonce)


def _authorise(rekey: Rekey, started: RekeyStatus, current: Sequence[str]) -> RekeyProgress:
    """Gives the current shares; the answer to the last one has the new shares."""
    for share in current[:-1]:
        rekey.submit(share, started.nonce)
    return rekey.submit(current[-1], started.nonce)


def _for_holders(shares: Sequence[str], pgp_keys: Sequence[str]) -> Sequence[str]:
    return tuple(encrypt_share(share, key) for share, key in zip(shares, pgp_keys, strict=True))


def _cancel(rekey: Rekey, nonce: str) -> None:
    """Ends our own rekey; the error that led here counts, so a failure is only said."""
    try:
        rekey.cancel(nonce)
    except (VaultUnavailableError, VaultRefusedError) as error:
        say(
            f"A change of shares that was begun may be left on Vault ({error}); it has changed nothing, and "
            "the next run ends it"
        )
