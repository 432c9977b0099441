"""What an exporter showed of its metrics in several states of what it watches."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.recordings.recording import TEXTS

BLACKBOX = "blackbox-exporter-0.23.0"
"""Debian's, of a Vault that is asked for its health."""
CERT_MANAGER = "cert-manager-1.21.2"
"""Of the stack's Certificate, and of one that lives for minutes."""

_HEADER = re.compile(r"^# (?P<state>[a-z]+), (?P<seconds>\d+) s$")


@dataclass(frozen=True)
class Exposition:
    """What was shown in one state."""

    seconds: int
    """Since 1970, as the times in the text are."""
    text: str


def save_expositions(exporter: str, expositions: Mapping[str, Exposition]) -> None:
    """Write the expositions by state; ``exporter`` is its name and version, joined by a hyphen."""
    lines = [f"# {state}, {shown.seconds} s\n{shown.text}" for state, shown in expositions.items()]
    _path(exporter).write_text("".join(lines), encoding="utf-8")


def load_expositions(exporter: str) -> Mapping[str, Exposition]:
    """Read the expositions of an exporter, by state."""
    found: dict[str, Exposition] = {}
    state = ""
    for line in _path(exporter).read_text(encoding="utf-8").splitlines(keepends=True):
        header = _HEADER.match(line.rstrip("\n"))
        if header is None:
            found[state] = Exposition(found[state].seconds, found[state].text + line)
        else:
            state = header["state"]
            found[state] = Exposition(int(header["seconds"]), "")
    return found


def only(prefix: str, text: str) -> str:
    """Return the lines of the metrics whose names begin with ``prefix``."""
    return "".join(line for line in text.splitlines(keepends=True) if line.startswith(prefix))


def _path(exporter: str) -> Path:
    return TEXTS / f"{exporter}.txt"
