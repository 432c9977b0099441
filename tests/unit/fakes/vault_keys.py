"""Keys that a scripted Vault takes, or doesn't."""

from dataclasses import replace

from components.custody.key_record import KeyRecord
from tests.unit.fakes.init_inputs import DEPLOYMENT
from tests.unit.fakes.scripted_vault import (
    CANCEL_ROOT,
    INIT,
    REVOKE_SELF,
    ROOT_ATTEMPT,
    ROOT_TOKEN,
    SEAL_STATUS,
    SHARES,
    START_ROOT,
    UPDATE_ROOT,
    ScriptedVault,
    error,
    init_answer,
    no_content,
    root_generation,
    root_generation_done,
    root_generation_started,
    seal_status,
)

CLUSTER_ID = "7d0f"
UNSEALED = seal_status(initialized=True, sealed=False, cluster_id=CLUSTER_ID)
NEW_TOKEN, PAD = "hvs.token", "Pad0Pad1P"
PROVED = root_generation_done(token=NEW_TOKEN, pad=PAD)
NOT_THESE = error(400, "root generation aborted: recovery key does not match submitted values")

RECORD = KeyRecord(
    deployment=DEPLOYMENT,
    seal_type="awskms",
    seal_key="arn:aws:kms:eu-central-1:123456789012:key/1",
    threshold=3,
    root_token=ROOT_TOKEN,
    recovery_shares=tuple(SHARES),
)
STORED = replace(RECORD, cluster_id=CLUSTER_ID)
OTHER = replace(RECORD, recovery_shares=tuple(f"b3RoZXIt{number}" for number in range(5)))
SECRETS = (ROOT_TOKEN, NEW_TOKEN, *SHARES, *OTHER.shares)


def answer_first_init(vault: ScriptedVault) -> None:
    """A Vault that is initialised by the first who asks, and unseals by itself."""
    vault.answers(SEAL_STATUS, seal_status(), seal_status(initialized=True), UNSEALED)
    vault.answers(INIT, init_answer(recovery=True), error(400, "Vault is already initialized"))


def answer_proofs(vault: ScriptedVault, *right: bool) -> None:
    """An initialised Vault that answers so to each proof of shares, in order; the last one counts on."""
    vault.answers(SEAL_STATUS, UNSEALED)
    vault.answers(ROOT_ATTEMPT, root_generation())
    vault.answers(START_ROOT, root_generation_started(nonce="proof", pad=PAD))
    # Shares that are right are as many as the threshold; wrong ones end the attempt.
    more = [[PROVED] * 3 if taken else [NOT_THESE] for taken in right]
    vault.answers(UPDATE_ROOT, *(answer for answers in more for answer in answers))
    vault.answers(CANCEL_ROOT, no_content())
    vault.answers(REVOKE_SELF, no_content())


def shown(text: str) -> list[str]:
    """Which secrets stand in a text."""
    return [secret for secret in SECRETS if secret in text]
