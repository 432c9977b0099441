"""Keeps the journal of an init, from which the next run resumes an interrupted one without losing a key.

It is opened before the init, with the key that will encrypt it, and stores Vault's answer before anything
else is done with it. It has two copies, each of which is enough to recover the keys.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from components.custody.key_record import KeyRecord, KeyRecordError
from components.errors import DeploymentError, RetryableError
from components.journal.encryption import JournalCipher, JournalDataKey, JournalError
from components.journal.entry import JournalEntry
from components.journal.lock_holder import OTHER_HOST_SECONDS, LockHolder
from components.journal.storage import JournalFile, JournalSecret, SeenSecret
from components.kubernetes.kubectl import Kubectl, KubectlError, KubernetesTarget
from components.progress import Waiting, say

_KEEP_SECONDS = 120
_ATTEMPTS = 3
# Another run wrote the Secret first.
_OVERTAKEN = ("AlreadyExists", "Conflict", "NotFound")
# The chart's name of the data volume.
_VOLUME = "data"


class AnotherRunError(JournalError):
    """Another run holds the journal and may be alive; this one has changed nothing."""


class InitJournal:
    """The journal of one Vault. Every error names its places."""

    def __init__(self, target: KubernetesTarget, statefulset: str, deployment: str) -> None:
        self._kubectl = Kubectl(target)
        self._pod = f"{statefulset}-0"
        self._deployment = deployment
        self._secret = JournalSecret(target, statefulset, deployment)
        self._file = JournalFile(deployment)
        self._open: tuple[JournalDataKey, JournalEntry] | None = None

    @property
    def location(self) -> str:
        """Both places, for messages."""
        return f"{self._secret.location} and {self._file.path}"

    def volume(self) -> str:
        """Return the uid of the claim of pod 0's data volume; empty if there is none."""
        with self._naming_location("The volume of Vault's data can't be determined"):
            pod = self._kubectl.pod(self._pod) or {}
            for volume in pod.get("spec", {}).get("volumes") or ():
                if volume.get("name") == _VOLUME and "persistentVolumeClaim" in volume:
                    claim = self._kubectl.get("pvc", volume["persistentVolumeClaim"]["claimName"])
                    return str(claim["metadata"]["uid"]) if claim else ""
            return ""

    def find(self) -> JournalEntry | None:
        """Return what an earlier run left, keys rather than a mere intent; None if it left nothing."""
        with self._naming_location("The journal of the init can't be read"):
            found = self._entries(self._secret.read())
        return max(found, key=lambda entry: (entry.kept, _began(entry)), default=None)

    def begin(self, cipher: JournalCipher) -> None:
        """Open the journal in both places, before the init; the Secret is the lock.

        Raises :class:`AnotherRunError` if another run may be alive, and :class:`JournalError` if a place
        fails or has keys of this very volume that aren't stored anywhere else yet.
        """
        volume = self.volume()
        with self._naming_location("The journal of the init can't be opened"):
            seen = self._secret.read()
            earlier = self._entries(seen)
            for found in earlier:
                self._require_free(found, volume)
            # Both places have the same keys if one run put them there.
            for untaken in {found.run.run_id: found for found in earlier if found.kept}.values():
                path = self._file.set_aside(untaken)
                say(f"The journal has keys of a Vault on another volume; they stay, encrypted, in {path}")
            key = cipher.prepare(self._deployment)
            entry = JournalEntry(
                deployment=self._deployment,
                run=LockHolder.current(),
                began=datetime.now(UTC).isoformat(timespec="seconds"),
                volume=volume,
                header=key.header,
                # A rekey that an earlier run left on Vault is still this program's.
                rekey_nonce=next((found.rekey_nonce for found in earlier if found.rekey_nonce), ""),
            )
            self._lock(entry, seen)
            try:
                self._file.write(entry)
            except OSError:
                # A lock left behind would only block the next run; the error to report is the file's.
                with contextlib.suppress(KubectlError, JournalError):
                    self._finish_secret()
                raise
        self._open = key, entry

    def note_rekey(self, nonce: str) -> None:
        """Add the nonce of the rekey that was started, by which the next run knows that it isn't a person's.

        Raises :class:`JournalError` if a place fails.
        """
        if self._open is None:
            raise RuntimeError("the journal was not opened")
        key, intent = self._open
        entry = replace(intent, rekey_nonce=nonce)
        with self._naming_location("The change of shares can't be noted in the journal"):
            self._file.write(entry)
            self._put_secret(entry)
        self._open = key, entry

    def keep(self, record: KeyRecord) -> None:
        """Write the keys, encrypted, and return once one place has them durably.

        Tries both; raises :class:`JournalError` if both fail for two minutes.
        """
        if self._open is None:
            raise RuntimeError("the journal was not opened")
        key, intent = self._open
        ciphertext = key.encrypt(record.to_json().encode())
        entry = replace(intent, ciphertext=ciphertext, fingerprint=record.fingerprint)
        waiting = Waiting("Writing the keys to the journal", _KEEP_SECONDS)
        try:
            waiting.until(partial(self._keep_once, entry), RetryableError, pause_seconds=1)
        except RetryableError as error:
            raise JournalError(
                f"The keys couldn't be written to either place of the journal: {error}"
            ) from None

    def recover(self, cipher: JournalCipher) -> KeyRecord:
        """Return the keys of an earlier run; raise :class:`JournalError` if they can't be decrypted."""
        entry = self.find()
        with self._naming_location("The keys in the journal can't be recovered"):
            if entry is None or not entry.kept:
                raise JournalError("there are none in it")
            plain = cipher.open(entry.header, self._deployment).decrypt(entry.ciphertext)
            record = KeyRecord.from_json(plain.decode())
            if record.deployment != self._deployment:
                raise JournalError(f"they are those of {record.deployment}")
            return record

    def finish(self, fingerprint: str | None = None) -> None:
        """Delete the journal, once the keys are stored and were checked against Vault.

        With ``fingerprint``, keys of other shares are kept: they may be the valid ones. An entry of another
        live run is kept, too, and so is one that can't be reached, with a warning.
        """
        for location, remove in (
            (self._secret.location, partial(self._finish_secret, fingerprint)),
            (str(self._file.path), partial(self._finish_file, fingerprint)),
        ):
            try:
                remove()
            except (DeploymentError, OSError) as error:
                say(f"The journal stays in {location}, encrypted; it may be deleted by hand: {error}")

    def _entries(self, seen: SeenSecret | None) -> list[JournalEntry]:
        return [entry for entry in (seen.entry if seen else None, self._file.read()) if entry is not None]

    def _require_free(self, earlier: JournalEntry, volume: str) -> None:
        """Raise if an earlier entry must not be overwritten."""
        if earlier.belongs_to_live_run:
            raise self._another_run(earlier)
        if earlier.kept and earlier.matches_volume(volume):
            raise JournalError(
                "keys of an earlier init lie in it, and the volume of Vault's data is still the same. "
                "If those data were erased on purpose, delete the journal first"
            )

    def _lock(self, entry: JournalEntry, seen: SeenSecret | None) -> None:
        try:
            if seen is None:
                self._secret.create(entry)
            else:
                self._secret.replace(entry, seen)
        except KubectlError as error:
            if error.reason not in _OVERTAKEN:
                raise
            now = self._secret.read()
            raise self._another_run(now.entry if now else None) from None

    def _another_run(self, entry: JournalEntry | None) -> AnotherRunError:
        who = f"{entry.run.description}, since {entry.began}" if entry else "one"
        return AnotherRunError(
            f"Another run is initialising this Vault ({who}); this one has changed nothing. Wait for it to "
            "end, then run pulumi up again. A run on another machine counts as dead "
            f"{OTHER_HOST_SECONDS // 60} minutes after it began. The journal lies in {self.location}."
        )

    def _keep_once(self, entry: JournalEntry) -> None:
        failures = []
        try:
            self._file.write(entry)
        except OSError as error:
            failures.append(f"{self._file.path}: {error}")
        try:
            self._put_secret(entry)
        except (KubectlError, JournalError) as error:
            failures.append(f"{self._secret.location}: {error}")
        if len(failures) == 2:
            raise RetryableError("; ".join(failures))
        for failure in failures:
            say(f"One place of the journal failed, the other has the keys: {failure}")

    def _put_secret(self, entry: JournalEntry) -> None:
        """Replace an intent with keys; never overwrite the keys of another run."""
        for attempt in range(1, _ATTEMPTS + 1):
            seen = self._secret.read()
            if seen is not None and seen.entry.kept and seen.entry.run.run_id != entry.run.run_id:
                raise JournalError("the keys of another run lie there")
            try:
                if seen is None:
                    self._secret.create(entry)
                else:
                    self._secret.replace(entry, seen)
                return
            except KubectlError as error:
                if error.reason not in _OVERTAKEN or attempt == _ATTEMPTS:
                    raise

    def _finish_secret(self, fingerprint: str | None = None) -> None:
        for attempt in range(1, _ATTEMPTS + 1):
            seen = self._secret.read()
            if seen is None or self._leave(seen.entry, fingerprint):
                return
            try:
                self._secret.delete(seen)
                return
            except KubectlError as error:
                if error.reason == "NotFound":
                    return
                if error.reason != "Conflict" or attempt == _ATTEMPTS:
                    raise

    def _finish_file(self, fingerprint: str | None) -> None:
        entry = self._file.read()
        if entry is not None and not self._leave(entry, fingerprint):
            self._file.delete()

    def _leave(self, entry: JournalEntry, fingerprint: str | None) -> bool:
        if not entry.kept:
            if entry.belongs_to_live_run:
                say(f"The journal is another run's now ({entry.run.description})")
            return entry.belongs_to_live_run
        other = fingerprint is not None and entry.fingerprint != fingerprint
        if other:
            say(
                "The journal has the shares of an interrupted change, which may be valid. It stays, "
                f"encrypted, in {self.location}; a change of init.shares, "
                "init.threshold or init.pgpKeys settles it"
            )
        return other

    @contextlib.contextmanager
    def _naming_location(self, what: str) -> Iterator[None]:
        try:
            yield
        except AnotherRunError:
            raise
        except (JournalError, KubectlError, KeyRecordError, OSError) as error:
            raise JournalError(f"{what}: {error}.\nThe journal lies in {self.location}.") from None


def _began(entry: JournalEntry) -> datetime:
    return datetime.fromisoformat(entry.began)
