"""Asks a server what it has found when it last tested the seal's key."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from components.vault.client import VaultClient, VaultRefusedError

# Go's Time.String, with the reading of the monotonic clock behind it if there is one.
_GO_TIME = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.\d+)? ([+-]\d{4})\b")


@dataclass(frozen=True)
class SealHealth:
    """The result of the active server's own test of the key.

    It tests it when it becomes active, every ten minutes, and every minute once that fails. A server that
    isn't active makes no test, and says that the key is fine. Source: `StartHealthCheck` in
    vault/seal_autoseal.go.
    """

    healthy: bool
    last_healthy: datetime | None = None
    """When the key last served it, in UTC; None if it does, or the server doesn't say."""


def seal_health(client: VaultClient) -> SealHealth | None:
    """Return how the key of an auto-unseal seal has served the server; None if it doesn't tell.

    `sys/seal-backend-status` needs no token; before Vault 1.16 it isn't there, and refused without one.
    Raises :class:`VaultUnavailableError`.
    """
    try:
        answer = client.request("GET", "sys/seal-backend-status")
    except VaultRefusedError:
        return None
    if "healthy" not in answer:
        return None
    found = _GO_TIME.match(str(answer.get("unhealthy_since") or ""))
    last = datetime.strptime(" ".join(found.groups()), "%Y-%m-%d %H:%M:%S %z") if found else None
    return SealHealth(bool(answer["healthy"]), last.astimezone(UTC) if last is not None else None)
