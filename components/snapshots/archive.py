"""Verifies the file of a snapshot without Vault.

It is a gzipped tar of `meta.json`, `state.bin`, `SHA256SUMS` and `SHA256SUMS.sealed`
(github.com/hashicorp/raft-snapshot, archive.go). The last one is encrypted by the seal, so that only Vault
can open it. Nothing of the archive is ever extracted.
"""

import gzip
import hashlib
import json
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from components.errors import DeploymentError

_METADATA = "meta.json"
_STATE = "state.bin"
_SUMS = "SHA256SUMS"
_SEALED_SUMS = "SHA256SUMS.sealed"
_PARTS = (_METADATA, _STATE, _SUMS, _SEALED_SUMS)
_CHUNK_BYTES = 1 << 20
_LARGEST_TEXT_BYTES = 1 << 20
"""Of every part but the state."""


class DamagedSnapshotError(DeploymentError):
    """The file isn't a whole snapshot; the message says what is wrong with it."""


@dataclass(frozen=True)
class Archive:
    """A file that is a whole snapshot."""

    raft_index: int
    """Last entry of raft's log that is in it."""
    sha256: str
    """Of the whole file, 64 hexadecimal digits."""


def verified_archive(path: Path) -> Archive:
    """Return what the snapshot in a file is; raise :class:`DamagedSnapshotError` if it isn't whole."""
    try:
        with path.open("rb") as file:
            sums, texts = _read(file)
            file.seek(0)
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        # gzip's BadGzipFile is one, too; it has no number.
        if error.errno is not None:
            raise DamagedSnapshotError(f"{path} can't be read: {error.strerror}.") from None
        raise _damaged(path, f"it isn't a gzip file ({error})") from None
    except (EOFError, zlib.error, tarfile.TarError) as error:
        raise _damaged(path, f"it ends too early, or bytes of it were changed ({error})") from None
    missing = [part for part in _PARTS if part not in sums]
    if missing:
        raise _damaged(path, f"it has no {missing[0]}")
    for part in (_METADATA, _STATE):
        if _recorded(texts[_SUMS]).get(part) != sums[part]:
            raise _damaged(path, f"the checksum of its {part} is another one than {_SUMS} has")
    try:
        index = json.loads(texts[_METADATA])["Index"]
    except (ValueError, KeyError, TypeError):
        index = None
    if not isinstance(index, int) or index <= 0:
        raise _damaged(path, f"its {_METADATA} names no index of raft's log")
    return Archive(raft_index=index, sha256=sha256)


def _read(file: IO[bytes]) -> tuple[Mapping[str, str], Mapping[str, bytes]]:
    """Return the SHA-256 of each part, and the content of all but the state; read to the very end."""
    sums: dict[str, str] = {}
    texts: dict[str, bytes] = {}
    with gzip.GzipFile(fileobj=file) as unpacked:
        # A stream: a member that the tar hides behind another one can't be reached.
        with tarfile.open(fileobj=unpacked, mode="r|") as archive:
            for member in archive:
                content = archive.extractfile(member)
                if content is None or member.name not in _PARTS or member.name in sums:
                    raise tarfile.TarError(f"{member.name!r} doesn't belong into it")
                digest = hashlib.sha256()
                if member.name != _STATE and member.size > _LARGEST_TEXT_BYTES:
                    raise tarfile.TarError(f"{member.name} is too long")
                while chunk := content.read(_CHUNK_BYTES):
                    digest.update(chunk)
                    if member.name != _STATE:
                        texts[member.name] = texts.get(member.name, b"") + chunk
                sums[member.name] = digest.hexdigest()
        # gzip's own checksum is behind the end of the tar.
        while unpacked.read(_CHUNK_BYTES):
            pass
    return sums, texts


def _recorded(sums: bytes) -> Mapping[str, str]:
    """Return the checksums by the part's name, as `sha256sum` writes them."""
    lines = [line.split() for line in sums.decode(errors="replace").splitlines()]
    return {line[1]: line[0] for line in lines if len(line) == 2}


def _damaged(path: Path, reason: str) -> DamagedSnapshotError:
    return DamagedSnapshotError(f"{path} isn't a whole snapshot: {reason}. Nothing was changed.")
