"""A store of a reader's own, which keeps the record in a folder and fails as often as it is told."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from components.config.reader import ConfigReader
from components.custody.key_record import KeyRecord
from components.custody.key_store import KeyReference, KeyStore, KeyStoreError, KeyStoreUnavailableError
from components.kubernetes.kubectl import KubernetesTarget


@dataclass(frozen=True)
class Store(KeyStore):
    """What a reader has to write for a store."""

    folder: str

    @classmethod
    def from_settings(cls, reader: ConfigReader) -> Self:
        """Reads `custody.folder`."""
        return cls(folder=reader.required_text("folder", r"/.+", "give the absolute path of a folder"))

    @property
    def location(self) -> str:
        """The folder."""
        return f"scripted store {self.folder}"

    def probe(self, target: KubernetesTarget) -> None:  # noqa: ARG002 - nothing of the cluster is needed
        """Fails where :meth:`refuse_probe` was called."""
        if self._file("refused").exists():
            raise KeyStoreError("the store refused the probe")

    def read(self, target: KubernetesTarget) -> KeyRecord | None:  # noqa: ARG002
        """The record in the folder."""
        record = self._file("record")
        return KeyRecord.from_json(record.read_text()) if record.exists() else None

    def write(self, record: KeyRecord, target: KubernetesTarget) -> KeyReference:  # noqa: ARG002
        """Fails as often as :meth:`fail` was told."""
        failures, versions = self._file("failures"), self._file("versions")
        left = int(failures.read_text()) if failures.exists() else 0
        if left:
            failures.write_text(str(left - 1))
            raise KeyStoreUnavailableError("the store is away")
        self._file("record").write_text(record.to_json())
        version = int(versions.read_text()) + 1 if versions.exists() else 1
        versions.write_text(str(version))
        return KeyReference(location=self.location, version=str(version))

    def earlier(self, version: str, target: KubernetesTarget) -> Iterator[KeyRecord]:  # noqa: ARG002
        """Those of :meth:`keep_earlier`."""
        earlier = self._file("earlier")
        lines = earlier.read_text().splitlines() if earlier.exists() else []
        yield from map(KeyRecord.from_json, lines)

    def keep_earlier(self, *records: KeyRecord) -> None:
        """Has the store keep these from before the present one, newest first."""
        self._file("earlier").write_text("\n".join(record.to_json() for record in records))

    def fail(self, times: int) -> None:
        """Lets the next writes fail."""
        self._file("failures").write_text(str(times))

    def refuse_probe(self) -> None:
        """Lets every probe fail."""
        self._file("refused").touch()

    def _file(self, name: str) -> Path:
        return Path(self.folder) / name
