"""Reads a snapshot of raft's storage from the active server, and hands one to it.

Source of the calls: Vault's document "/sys/storage/raft", and `handleStorageRaftSnapshotRead` and
`handleStorageRaftSnapshotWrite` in vault/logical_system_raft.go. A standby redirects both to the leader's
address, which isn't followed: the token would go to whatever this machine's network has there.
"""

import contextlib
from collections.abc import Iterator, Mapping
from typing import IO, TYPE_CHECKING

from components.errors import DeploymentError
from components.vault.client import (
    VaultClient,
    VaultForbiddenError,
    VaultNotFoundError,
    VaultRefusedError,
    VaultUnavailableError,
    VaultUnreachableError,
)

if TYPE_CHECKING:
    import requests

SNAPSHOT = "sys/storage/raft/snapshot"
FORCED = "sys/storage/raft/snapshot-force"
_SILENT_SECONDS = 120
"""Vault writes a snapshot as it reads its storage, and never stops for long."""
_RESTORE_SECONDS = 900
"""Vault answers once the storage is replaced, which takes as long as writing all of it to the disk."""
_CHUNK_BYTES = 1 << 20
_ERRORS: Mapping[int, type[DeploymentError]] = {
    403: VaultForbiddenError,
    404: VaultNotFoundError,
    429: VaultUnavailableError,
}


def read_snapshot(client: VaultClient, file: IO[bytes]) -> None:
    """Write the active server's snapshot to ``file``.

    The answer names no length: whether Vault came to the end of it only the archive tells. Raises
    :class:`VaultForbiddenError` unless the client's token may read it, and the errors of
    :class:`VaultClient`.
    """
    import requests

    with _answer(client, "GET", SNAPSHOT, None, _SILENT_SECONDS) as answer:
        try:
            for chunk in answer.iter_content(_CHUNK_BYTES):
                file.write(chunk)
        except requests.exceptions.RequestException as error:
            raise VaultUnreachableError(f"the snapshot broke off: {type(error).__name__}") from None


def write_snapshot(client: VaultClient, file: IO[bytes], *, forced: bool) -> None:
    """Have the active server replace its storage by the snapshot in ``file``.

    Without ``forced`` Vault refuses one that its present seal can't open. Raises the errors of
    :class:`VaultClient`; after :class:`VaultUnreachableError` it isn't known whether it was replaced.
    """
    with _answer(client, "POST", FORCED if forced else SNAPSHOT, file, _RESTORE_SECONDS):
        pass


@contextlib.contextmanager
def _answer(
    client: VaultClient, method: str, path: str, content: IO[bytes] | None, seconds: float
) -> Iterator["requests.Response"]:
    with contextlib.closing(client.send(method, path, content, seconds=seconds)) as answer:
        status = answer.status_code
        if 300 <= status < 400:
            raise client.redirected(path, status, answer.headers.get("Location", ""))
        if status >= 400:
            kind = VaultUnavailableError if status >= 500 else _ERRORS.get(status, VaultRefusedError)
            raise kind(f"{path} was answered with status {status}: {answer.text.strip()}")
        yield answer
