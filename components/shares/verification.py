"""Verifies that keys belong to the Vault that answers."""

from components.custody.key_record import KeyRecord
from components.errors import DeploymentError
from components.progress import Waiting, say
from components.shares.attempts import Attempts
from components.shares.generate_root import WrongSharesError, permitted_client, prove_shares
from components.shares.unseal import StillSealedError, give_shares
from components.vault.client import VaultClient, VaultRefusedError, VaultUnavailableError

_UNSEAL_SECONDS = 30


class WrongKeysError(DeploymentError):
    """The keys are those of another Vault."""


def verify_keys(client: VaultClient, record: KeyRecord, attempts: Attempts, token: str = "") -> None:
    """Verify the keys with Vault, without changing anything.

    Plain shares generate a root token that is revoked at once: a valid root token doesn't prove shares, which
    may be of an earlier set. If they are encrypted to their holders, the root token looks itself up. Shamir's
    shares unseal the server, which is a proof, too. From Vault 2.0 on the proof of plain shares needs the
    record's root token, or else ``token``. Raises :class:`WrongKeysError`, and :class:`VaultUnavailableError`
    if Vault can't answer now.
    """
    status = client.seal_status()
    if status.sealed and status.recovery_seal:
        raise VaultUnavailableError("Vault is sealed; its log says why")
    if status.sealed:
        _unseal(client, record)
        return
    if record.cluster_id and record.cluster_id != status.cluster_id:
        raise WrongKeysError(
            f"the keys are those of Vault cluster {record.cluster_id}, and {status.cluster_id} answers"
        )
    if record.shares and not record.shares_encrypted:
        permitted = permitted_client(client, (record.plain_root_token, token))
        try:
            prove_shares(permitted, record.shares, record.threshold, attempts)
        except WrongSharesError as error:
            raise WrongKeysError(f"the shares don't unlock this Vault: {error}") from None
        return
    if record.plain_root_token and not client.with_token(record.plain_root_token).token_valid():
        raise WrongKeysError("the root token isn't one of this Vault")
    if not record.plain_root_token and not record.cluster_id:
        say("The keys are encrypted to their holders, so they can't be tried on Vault")


def _unseal(client: VaultClient, record: KeyRecord) -> None:
    waiting = Waiting("Unsealing", _UNSEAL_SECONDS)
    try:
        give_shares(client, record.key_shares[: record.threshold], waiting)
    except (VaultRefusedError, StillSealedError) as error:
        raise WrongKeysError(f"the key shares don't unseal this Vault: {error}") from None
