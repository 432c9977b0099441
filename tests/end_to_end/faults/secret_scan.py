"""Finds secrets in bytes, however written: as they are, decoded, in hex, in base64 of something longer."""

import base64
import binascii
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_CHUNK = 8 * 1024 * 1024
_SHORTEST = 12
"""Bytes of the shortest form looked for; anything shorter is found by chance."""


@dataclass(frozen=True)
class Finding:
    """A secret where none should be. Holds nothing of the secret itself."""

    secret: str
    """What it is, for a person."""
    form: str
    """How it was written."""
    place: str


@dataclass(frozen=True)
class SecretScan:
    """Looks for a few secrets."""

    needles: Mapping[bytes, tuple[str, str]] = field(repr=False)
    """What is looked for: the secret's name and the form, by the bytes."""

    @staticmethod
    def of(secrets: Mapping[str, str]) -> "SecretScan":
        """For these secrets, by what they are for a person."""
        return SecretScan(
            {needle: (name, form) for name, secret in secrets.items() for form, needle in _forms(secret)}
        )

    def in_bytes(self, content: bytes, place: str) -> Iterator[Finding]:
        """The secrets in it."""
        for needle, (name, form) in self.needles.items():
            if needle in content:
                yield Finding(name, form, place)

    def in_file(self, path: Path, place: str | None = None) -> Iterator[Finding]:
        """The secrets in a file, which may be large, and may be gone."""
        overlap = max(map(len, self.needles)) - 1
        tail = b""
        try:
            with path.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    yield from self.in_bytes(tail + chunk, place or str(path))
                    tail = chunk[-overlap:]
        except (FileNotFoundError, ProcessLookupError):
            return

    def in_folders(self, folders: Iterable[Path], without: Iterable[Path] = ()) -> Iterator[Finding]:
        """The secrets in all files below, by their names as well; links aren't followed."""
        skipped = set(without)
        for folder in folders:
            for path in _files(folder, skipped):
                yield from self.in_bytes(path.name.encode(), f"the name of {path}")
                yield from self.in_file(path)


def _files(folder: Path, skipped: set[Path]) -> Iterator[Path]:
    try:
        entries = list(folder.iterdir())
    except FileNotFoundError:
        return  # of another deployment, which went meanwhile
    for entry in entries:
        if entry in skipped or entry.is_symlink():
            continue
        if entry.is_dir():
            yield from _files(entry, skipped)
        elif entry.is_file():
            yield entry


def _forms(secret: str) -> Iterator[tuple[str, bytes]]:
    text = secret.encode()
    raw = _decoded(secret)
    plain = {"as it is": text, "quoted for a URL": urllib.parse.quote(secret, safe="").encode()}
    if raw is not None:
        plain |= {"decoded": raw, "in hex": raw.hex().encode(), "in large hex": raw.hex().upper().encode()}
        plain["in URL base64"] = base64.urlsafe_b64encode(raw).rstrip(b"=")
    yield from plain.items()
    for core in _base64_cores(text):
        yield "in base64", core
        for deeper in _base64_cores(core):
            yield "in base64 of base64", deeper


def _decoded(secret: str) -> bytes | None:
    try:
        raw = base64.b64decode(secret, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if len(raw) >= _SHORTEST else None


def _base64_cores(content: bytes) -> Iterator[bytes]:
    """What base64 of anything that has ``content`` in it must have in it: one for each of three alignments.

    The characters at both ends are left out, as they hold bits of what is around it.
    """
    for shift in range(3):
        encoded = base64.b64encode(bytes(shift) + content).rstrip(b"=")
        begin = (shift * 8 + 5) // 6
        end = (shift + len(content)) * 8 // 6
        core = encoded[begin:end]
        if len(core) >= _SHORTEST:
            yield core
