"""Proves that shares unlock a Vault, by generating a root token from them.

Vault has no call that only checks shares. This one reads and writes no data, and the same proof works for key
shares and recovery shares, on a Vault that is unsealed.
"""

from collections.abc import Sequence

from components.errors import DeploymentError
from components.progress import say
from components.shares.attempts import GENERATE_ROOT, Attempts
from components.vault.client import (
    VaultClient,
    VaultForbiddenError,
    VaultRefusedError,
    VaultUnavailableError,
)
from components.vault.messages import ROOT_GENERATION_RUNS, WRONG_SHARES
from components.vault.root_generation import RootGeneration, RootGenerationAttempt, decoded_token


class WrongSharesError(DeploymentError):
    """The shares don't unlock this Vault. The message holds none of them."""


class RootGenerationRunsError(VaultUnavailableError):
    """Another root token generation is in progress on this Vault; most end in seconds, so retry."""


def permitted_client(client: VaultClient, tokens: Sequence[str]) -> VaultClient:
    """Return a client with the first of these tokens that Vault lets generate a root token, or with none.

    Vault 1.x lets everybody. Raises :class:`VaultForbiddenError` with what to do if none may do it.
    """
    for token in dict.fromkeys((*filter(None, tokens), "")):
        candidate = client.with_token(token)
        try:
            RootGeneration(candidate).status()
        except VaultForbiddenError as error:
            refusal = str(error)
        else:
            return candidate
    raise VaultForbiddenError(_needs_token(refusal))


def prove_shares(client: VaultClient, shares: Sequence[str], threshold: int, attempts: Attempts) -> None:
    """Prove that any ``threshold`` of these plain shares unlock this Vault.

    The root token that Vault generates for it is revoked at once and never leaves this function; if the
    connection breaks between the two, it stays valid, but nobody has it. Raises the errors of
    :func:`generate_root_token`.
    """
    client.with_token(generate_root_token(client, shares, threshold, attempts)).revoke_own_token()


def generate_root_token(
    client: VaultClient, shares: Sequence[str], threshold: int, attempts: Attempts | None = None
) -> str:
    """Return a new root token, which never expires: the caller has to revoke it.

    With ``attempts`` one that a killed run left is cancelled first; without, any one is somebody else's.

    Raises :class:`WrongSharesError`, :class:`RootGenerationRunsError` if another attempt is in progress,
    :class:`VaultUnavailableError` if Vault can't answer now (also right after the init, and without a leader)
    and :class:`VaultRefusedError`. Leaves no attempt behind. From Vault 2.0 on the client needs a token, see
    :func:`permitted_client`.
    """
    generation = RootGeneration(client)
    attempt = _start(generation, attempts)
    try:
        if attempts is not None:
            attempts.note_attempt(GENERATE_ROOT, attempt.nonce)
        return _submit(generation, attempt, shares, threshold)
    except BaseException:
        _cancel(generation, attempt.nonce)
        raise


def _start(generation: RootGeneration, attempts: Attempts | None) -> RootGenerationAttempt:
    running = generation.status()
    if running.started:
        if attempts is None or not attempts.is_own_attempt(GENERATE_ROOT, running.nonce):
            raise RootGenerationRunsError(_runs_already())
        say("Ending an attempt at a root token that a run of this program left when it was killed")
        # Vault ends whichever runs, so this run must not have slept since it looked.
        attempts.note_attempt(GENERATE_ROOT, running.nonce)
        generation.cancel()
    try:
        return generation.start()
    except VaultRefusedError as error:
        if ROOT_GENERATION_RUNS in str(error):
            raise RootGenerationRunsError(_runs_already()) from None
        raise


def _submit(
    generation: RootGeneration, attempt: RootGenerationAttempt, shares: Sequence[str], threshold: int
) -> str:
    if attempt.required != threshold:
        raise WrongSharesError(
            f"This Vault needs {attempt.required} shares, and those given are said to need {threshold}: they "
            "are of another Vault, or of an earlier set of its shares."
        )
    if len(set(shares)) < threshold:
        raise WrongSharesError(f"{len(set(shares))} shares are given, and this Vault needs {threshold}.")
    try:
        for share in shares[: threshold - 1]:
            generation.submit(share, attempt.nonce)
        encoded = generation.submit(shares[threshold - 1], attempt.nonce)
    except VaultRefusedError as error:
        if any(text in str(error) for text in WRONG_SHARES):
            raise WrongSharesError(f"The shares don't unlock this Vault: {error}") from None
        raise
    return decoded_token(encoded, attempt)


def _cancel(generation: RootGeneration, nonce: str) -> None:
    """Cancel our own attempt; a failure is only reported, as the caller raises the error that led here."""
    try:
        if generation.status().nonce == nonce:
            generation.cancel()
    except (VaultUnavailableError, VaultRefusedError) as error:
        say(f"An attempt at a root token may be left on Vault ({error}); {_how_to_cancel()}")


def _runs_already() -> str:
    return (
        "Another attempt to make a root token is running on this Vault. If it is left over from a run that "
        f"was killed, {_how_to_cancel()}"
    )


def _how_to_cancel() -> str:
    return "end it: vault operator generate-root -cancel"


def _needs_token(error: str) -> str:
    return (
        f"Vault doesn't let a root token be made from the shares: {error}. From Vault 2.0 on that needs a "
        "valid token, too: the root token, or one whose policy allows sys/generate-root/* and sys/rekey*, as "
        "the setting token, or given to python -m components generate-root --with-token. If there is none, "
        "set init.unauthenticatedGenerateRoot to true, run pulumi up, and restart the pods."
    )
