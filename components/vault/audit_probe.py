"""Proves that audit devices write: makes a request of its own, and looks for its entry.

A device that Vault lists need not write: its volume may be full, or lost. No entry is ever shown.
"""

import contextlib
import uuid
from collections.abc import Iterator, Sequence

from components.errors import RetryableError
from components.kubernetes.kubectl import KubectlError
from components.vault.audit_devices import LOG_FILE
from components.vault.client import VaultClient, VaultRefusedError
from components.vault.pod_access import PodAccess

_PATH = "vault-autounseal-audit-probe"
"""What the request asks for begins with. There is no such thing, and it has no secret in it."""
_ENTRIES = 2
"""That of the request and that of the answer. The first may be there in part, on a volume that is full."""
_LOG_SECONDS = 30
"""How far back the container's log is searched."""


class LeaderUnknownError(RetryableError):
    """No pod leads at the moment, or it can't be asked."""


class ProbeUnreadableError(RetryableError):
    """The place can't be looked at in which the entry should be."""


@contextlib.contextmanager
def leading_pod(access: PodAccess, replicas: int) -> Iterator[tuple[int, VaultClient]]:
    """Yield the ordinal and a client of the pod that leads, which alone writes entries.

    Raises :class:`LeaderUnknownError`, and what the pods' clients raise.
    """
    for ordinal in range(replicas):
        with access.reach(ordinal) as client:
            leader = client.leader()
            # Without high availability the one pod leads.
            if leader.is_self or not leader.ha_enabled:
                yield ordinal, client
                return
    raise LeaderUnknownError("no pod leads")


def audited(client: VaultClient, access: PodAccess, ordinal: int, devices: Sequence[str]) -> Sequence[str]:
    """Return those of the settings' ``devices`` that an entry of the leader reaches, with or without a token.

    ``client`` is of the leading pod ``ordinal``. Raises :class:`ProbeUnreadableError`.
    """
    probe = f"{_PATH}/{uuid.uuid4()}"
    # Vault writes the entry before it refuses.
    with contextlib.suppress(VaultRefusedError):
        client.request("GET", probe)
    return [device for device in devices if _arrived(access, access.pod(ordinal), device, probe)]


def _arrived(access: PodAccess, pod: str, device: str, probe: str) -> bool:
    try:
        if device == "stdout":
            log = ["logs", pod, "--container=vault", f"--since={_LOG_SECONDS}s"]
            lines = access.kubectl.run(log).splitlines()
            return sum(probe in line for line in lines) >= _ENTRIES
        # A file that isn't there is none that it arrived in.
        count = f"grep -c -F -e {probe} {LOG_FILE} || :"
        command = ["exec", pod, "--container=vault", "--", "/bin/sh", "-c", count]
        return int(access.kubectl.run(command) or 0) >= _ENTRIES
    except KubectlError as error:
        raise ProbeUnreadableError(str(error)) from None
