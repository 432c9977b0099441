"""Declares an entry of the journal of an init, of which only the keys are secret and encrypted."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from components.journal.encryption import JournalError
from components.kubernetes.lease import RunIdentity

FORMAT = 1
UNLEASED_SECONDS = 15 * 60
"""How long a run of a version that knew no Lease counts as alive, as nothing shows that it isn't."""


@dataclass(frozen=True, repr=False)
class JournalEntry:
    """An init that was begun, and its keys once Vault has returned them."""

    deployment: str
    """The Vault of this init: ``<uid of the Kubernetes cluster>/<namespace>/<StatefulSet>``."""
    run: RunIdentity
    began: str
    """ISO time with its offset from UTC."""
    volume: str
    """uid of the claim of pod 0's data volume when the init began; empty if it had none."""
    header: Mapping[str, str]
    """Recovers the key of the journal."""
    ciphertext: str = ""
    """The keys, encrypted; empty until Vault has returned them."""
    fingerprint: str = ""
    """Fingerprint of the shares, see :class:`KeyRecord`; not secret."""
    leased: bool = True
    """Whether the run held the Lease, so that it is over once another run holds that."""

    @property
    def kept(self) -> bool:
        """Whether the entry has the keys."""
        return bool(self.ciphertext)

    @property
    def belongs_to_live_run(self) -> bool:
        """Whether a run may be alive that the Lease doesn't show."""
        age = (datetime.now(UTC) - datetime.fromisoformat(self.began)).total_seconds()
        return not self.leased and age < UNLEASED_SECONDS

    def matches_volume(self, now: str) -> bool:
        """Return whether pod 0 has the same data volume ``now``, or had none then and has none now."""
        return self.volume == now

    def to_json(self) -> str:
        """Return the entry as it is stored."""
        stage = "kept" if self.kept else "intent"
        return json.dumps({"format": FORMAT, "stage": stage, **asdict(self)})

    @staticmethod
    def from_json(text: str) -> "JournalEntry":
        """Return the stored entry; raise :class:`JournalError` if the text is something else."""
        try:
            return _entry(json.loads(text))
        except (KeyError, TypeError, ValueError, AttributeError):
            raise JournalError(f"it isn't the journal of an init of format {FORMAT}") from None


def _entry(document: Mapping[str, Any]) -> JournalEntry:
    began = str(document["began"])
    if document["format"] != FORMAT or datetime.fromisoformat(began).tzinfo is None:
        raise ValueError
    return JournalEntry(
        deployment=str(document["deployment"]),
        run=RunIdentity(str(document["run"]["run_id"]), str(document["run"]["host"])),
        began=began,
        volume=str(document["volume"]),
        header={str(name): str(value) for name, value in document["header"].items()},
        ciphertext=str(document["ciphertext"]),
        fingerprint=str(document["fingerprint"]),
        leased=bool(document.get("leased")),
    )
