"""Describes the Vault of a stack as snapshots need it, and reaches its active server."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from components.custody.key_custody import KeyCustody
from components.custody.key_record import KeyRecord
from components.errors import DeploymentError, RetryableError
from components.progress import Waiting
from components.vault.client import VaultClient, VaultForbiddenError, VaultRefusedError
from components.vault.diagnostics import with_pod_problems
from components.vault.pod_access import PodAccess

LEADER_SECONDS = 30.0
"""How long there may be no leader, as while one follows another."""

DOCUMENT = "docs/snapshots.md"
POLICY = f"{DOCUMENT}#the-token"


@dataclass(frozen=True)
class SnapshotVault:
    """The Vault of one stack."""

    access: PodAccess
    replicas: int
    seal_type: str
    seal_key: str
    """Name of the seal's key; empty with Shamir."""
    deployment: str
    """Identifies this Vault: ``<uid of the Kubernetes cluster>/<namespace>/<StatefulSet>``."""
    custody: KeyCustody
    keys: KeyRecord | None = field(repr=False)
    """The shares that this stack has for this Vault; None if it has none (adopted)."""
    keys_version: str = ""
    """Their version in the store; empty if it isn't known, or if the store has none."""
    tokens: Sequence[str] = field(default=(), repr=False)
    """Tokens to try, in this order."""
    leader_seconds: float = LEADER_SECONDS


@contextlib.contextmanager
def active_server(vault: SnapshotVault) -> Iterator[VaultClient]:
    """Yield a client of the active server, without a token.

    Raises :class:`DeploymentError` if there is none for ``vault.leader_seconds``, or if Vault isn't on raft.
    """

    def find() -> int:
        problems = []
        for ordinal in range(vault.replicas):
            try:
                with vault.access.reach(ordinal) as client:
                    leader = client.leader()
            except (RetryableError, VaultRefusedError) as error:
                problems.append(f"{vault.access.pod(ordinal)}: {error}")
                continue
            if not leader.ha_enabled:
                raise DeploymentError(
                    "This Vault isn't on raft, and only raft has snapshots: copy its volume instead "
                    "(docs/modes.md)."
                )
            if leader.is_self:
                return ordinal
            problems.append(f"{vault.access.pod(ordinal)}: a standby")
        raise RetryableError("; ".join(problems))

    waiting = Waiting("Waiting for the active server of Vault", vault.leader_seconds)
    active = waiting.until(
        find,
        RetryableError,
        timeout_message=lambda error: with_pod_problems(
            vault.access,
            f"Vault has no active server: {error}\nIf the volumes of most of its pods are lost, "
            "python -m components recover-quorum goes on with what is left.",
        ),
        pause_seconds=0.5,
    )
    with vault.access.reach(active) as client:
        yield client


def with_valid_token(client: VaultClient, tokens: Sequence[str], needed_for: str) -> VaultClient:
    """Return a client with the first of these tokens that is valid.

    Raises :class:`VaultForbiddenError` with what to do if none is; ``needed_for`` says what it needs to be
    allowed.
    """
    for token in dict.fromkeys(filter(None, tokens)):
        candidate = client.with_token(token)
        if candidate.token_valid():
            return candidate
    raise VaultForbiddenError(
        f"There is no valid token to {needed_for} with: neither this stack's root token nor its setting "
        "token is one. Nothing was changed. Give one with --with-token, whose policy allows it "
        f"({POLICY}); python -m components generate-root makes a root token."
    )
