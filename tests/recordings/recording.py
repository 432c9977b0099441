"""A recording: what each of Vault's pods showed of its metrics at several moments of a fault."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

TEXTS = Path(__file__).with_name("texts")
_HEADER = re.compile(r"^# (?P<phase>[a-z]+), (?P<seconds>\d+) s, (?P<pod>vault-\d+)(?P<silent>: no answer)?$")

# Most of a text is what no alarm or panel names, such as a route of each mount, and Go's memory in detail.
_KEPT = re.compile(
    r"(# TYPE )?(vault_core_(active|unsealed|handle_request)|vault_autopilot_|vault_expire_num_leases"
    r"|vault_audit_(log_|sink_)|vault_seal_|vault_runtime_(num_goroutines|sys_bytes)"
    r"|vault_raft_(commitTime|storage_stats_applied_index))"
)
_QUANTILES = re.compile(r'quantile="0\.(5|9)"')


@dataclass(frozen=True)
class Moment:
    """All pods at one moment."""

    phase: str
    """`before`, `fault` or `after`."""
    seconds: int
    """Since the first moment."""
    texts: Mapping[str, str | None]
    """By pod; None for one that didn't answer."""


@dataclass(frozen=True)
class Recording:
    """The moments of a fault, in order."""

    version: str
    fault: str
    moments: Sequence[Moment]

    @property
    def metrics(self) -> frozenset[str]:
        """Names of the metrics in it."""
        texts = (text for moment in self.moments for text in moment.texts.values() if text is not None)
        return frozenset(name for text in texts for name in metric_names(text))

    def save(self) -> None:
        """Write the recording to its file."""
        path = _path(self.version, self.fault)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(self._lines()), encoding="utf-8")

    def _lines(self) -> Iterator[str]:
        for moment in self.moments:
            for pod, text in moment.texts.items():
                silent = ": no answer" if text is None else ""
                yield f"# {moment.phase}, {moment.seconds} s, {pod}{silent}\n"
                yield text or ""


def load(version: str, fault: str) -> Recording:
    """Read a recording from its file."""
    moments: list[Moment] = []
    texts: dict[str, str | None] = {}
    key: tuple[str, int] | None = None
    pod = ""
    for line in _path(version, fault).read_text(encoding="utf-8").splitlines(keepends=True):
        header = _HEADER.match(line.rstrip("\n"))
        if header is None:
            texts[pod] = (texts[pod] or "") + line
            continue
        if (header["phase"], int(header["seconds"])) != key:
            key, texts = (header["phase"], int(header["seconds"])), {}
            moments.append(Moment(*key, texts))
        pod = header["pod"]
        texts[pod] = None if header["silent"] else ""
    return Recording(version, fault, moments)


def shortened(text: str) -> str:
    """Return a text without what no alarm or panel could name."""
    kept = (line for line in text.splitlines(keepends=True) if _KEPT.match(line))
    return "".join(line for line in kept if not _QUANTILES.search(line))


def metric_names(text: str) -> frozenset[str]:
    """Return the names of the metrics in a text."""
    return frozenset(re.findall(r"^([a-zA-Z_:][\w:]*)[{ ]", text, re.MULTILINE))


def _path(version: str, fault: str) -> Path:
    return TEXTS / version / f"{fault}.txt"
