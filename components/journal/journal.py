"""Keeps the journal of an init, from which the next run resumes an interrupted one without losing a key.

It is opened before the init, with the key that will encrypt it, and stores Vault's answer before anything
else is done with it. It has two copies, each of which is enough to recover the keys, whatever became of the
other one. Who may write it is decided by a Lease.
"""

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from components.custody.key_record import KeyRecord, KeyRecordError
from components.errors import DeploymentError, RetryableError
from components.journal.encryption import JournalCipher, JournalDataKey, JournalError
from components.journal.entry import UNLEASED_SECONDS, JournalEntry
from components.journal.storage import JournalFile, JournalSecret
from components.kubernetes.kubectl import Kubectl, KubectlError, KubernetesTarget
from components.kubernetes.lease import AnotherRunError, RunLease
from components.kubernetes.owned_object import OVERTAKEN, ForeignObjectError, SeenObject
from components.progress import Waiting, say

_KEEP_SECONDS = 120
_FINISH_SECONDS = 20
_ATTEMPTS = 3
# The chart's name of the data volume.
_VOLUME = "data"
_PLACE_ERRORS = (JournalError, ForeignObjectError, KubectlError, OSError)


class InitJournal:
    """The journal of one Vault, and the lease of the run that uses it. Every error names its places."""

    def __init__(self, target: KubernetesTarget, statefulset: str, deployment: str) -> None:
        self.lease = RunLease(target, statefulset)
        self._kubectl = Kubectl(target)
        self._pod = f"{statefulset}-0"
        self._deployment = deployment
        self._secret = JournalSecret(target, statefulset, deployment)
        self._file = JournalFile(deployment)
        self._open: tuple[JournalDataKey, JournalEntry] | None = None
        self._own_runs = {self.lease.identity.run_id}
        self._said: set[str] = set()
        self._others_void = False
        self._refused = False
        """Whether neither place took this run's keys."""
        self._replaced: JournalEntry | None = None

    @property
    def location(self) -> str:
        """Both places, for messages."""
        return f"{self._secret.location} and {self._file.path}"

    @property
    def fence(self) -> RunLease | None:
        """The lease, to be checked before the keys are stored; None if they are only in this process yet."""
        return None if self._refused else self.lease

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
        """Return what an earlier run left, keys rather than a mere intent; None if it left nothing.

        Raises :class:`JournalError` if a place can't be read, unless the other one has keys.
        """
        with self._naming_location("The journal of the init can't be read"):
            entries, failures = self._entries()
            kept = [entry for entry in entries if entry.kept]
            if failures and not kept:
                raise JournalError("; ".join(failures))
        self._report("One place of the journal can't be read, the other has the keys", failures)
        return max(kept or entries, key=_began, default=None)

    def begin(self, cipher: JournalCipher) -> None:
        """Open the journal in both places, before the init. Needs the lease.

        Raises :class:`AnotherRunError` if a run may be alive that the lease doesn't show, and
        :class:`JournalError` if a place can't be written or has keys of this very volume that aren't stored
        anywhere else yet. What can't be read is kept aside.
        """
        volume = self.volume()
        with self._naming_location("The journal of the init can't be opened"):
            seen = self._secret.look()
            in_secret = _or_error(partial(self._secret.entry, seen))
            in_file = _or_error(self._file.read)
            earlier = [entry for entry in (in_secret, in_file) if isinstance(entry, JournalEntry)]
            for found in earlier:
                self._require_free(found, volume)
            # Both places have the same keys if one run put them there.
            for untaken in {found.run.run_id: found for found in earlier if found.kept}.values():
                path = self._file.set_aside(untaken.run.run_id, untaken.to_json())
                say(f"The journal has keys of a Vault on another volume; they stay, encrypted, in {path}")
            intents = [found for found in earlier if not found.kept and found.matches_volume(volume)]
            self._replaced = max(intents, key=_began, default=None)
            key = cipher.prepare(self._deployment)
            entry = JournalEntry(
                deployment=self._deployment,
                run=self.lease.identity,
                began=datetime.now(UTC).isoformat(timespec="seconds"),
                volume=volume,
                header=key.header,
            )
            self._set_aside_damaged(in_secret, in_file, seen)
            self._lock(entry, seen)
            try:
                self._file.write(entry)
            except OSError:
                # A lock left behind would only block the next run; the error to report is the file's.
                with contextlib.suppress(*_PLACE_ERRORS):
                    self._finish_secret("")
                raise
        self._open = key, entry

    def keep(self, record: KeyRecord, *, in_cluster: bool = False) -> None:
        """Write the keys, encrypted, and return once one place has them durably.

        Tries both; raises :class:`JournalError` if both fail for two minutes, or with ``in_cluster`` the
        Secret alone: this machine may be gone when the keys are needed. The lease isn't asked for: keys that
        exist are kept, and those of another run aren't overwritten.
        """
        if self._open is None:
            raise RuntimeError("the journal was not opened")
        key, intent = self._open
        ciphertext = key.encrypt(record.to_json().encode())
        entry = replace(intent, ciphertext=ciphertext, fingerprint=record.fingerprint)
        waiting = Waiting("Writing the keys to the journal", _KEEP_SECONDS)
        try:
            waiting.until(partial(self._keep_once, entry, in_cluster), RetryableError, pause_seconds=1)
        except RetryableError as error:
            self._refused = True
            needed = self._secret.location if in_cluster else "either place of the journal"
            raise JournalError(f"The keys couldn't be written to {needed}: {error}") from None

    def recover(self, cipher: JournalCipher) -> KeyRecord:
        """Return the keys of an earlier run; raise :class:`JournalError` if neither place's decrypt."""
        with self._naming_location("The keys in the journal can't be recovered"):
            entries, failures = self._entries()
            for entry in sorted((entry for entry in entries if entry.kept), key=_began, reverse=True):
                try:
                    record = self._decrypted(cipher, entry)
                except (JournalError, KeyRecordError) as error:
                    failures.append(str(error))
                    continue
                self._report("One place of the journal can't be read, the other has the keys", failures)
                self._own_runs.add(entry.run.run_id)
                return record
            raise JournalError("; ".join(dict.fromkeys(failures)) or "there are none in it")

    def finish(self, fingerprint: str = "", *, others_void: bool = False) -> None:
        """Delete the journal, once the keys are stored and were checked against Vault.

        Deletes what this run wrote or recovered, keys with that ``fingerprint``, and the intents of runs that
        are over, which the lease shows. Other keys stay, as they may be the valid ones, unless they are known
        to be void (``others_void``). So does what can't be reached, with a warning.
        """
        self._others_void = others_void
        entries, failures = self._entries()
        if not entries and not failures:
            return
        try:
            with self.lease.held(_FINISH_SECONDS):
                self._finish_places(fingerprint)
        except DeploymentError as error:
            say(f"The journal stays in {self.location}, encrypted: {error}")

    def withdraw(self) -> None:
        """Undo :meth:`begin` if Vault was initialised by somebody else after all.

        An earlier run's intent for the same volume is put back: Vault may have finished that run's init, and
        then only the intent shows that its keys went to nobody.
        """
        if self._replaced is None:
            self.finish()
            return
        with self._naming_location("The journal of the earlier run can't be put back"):
            self._put_file(self._replaced)
            self._put_secret(self._replaced)

    def has_change(self, fingerprint: str) -> bool:
        """Return whether a change of the shares with that ``fingerprint`` was interrupted.

        It was if others lie here, or the mere intent. Prints which place can't be read.
        """
        entries, failures = self._entries()
        self._report("Whether a change of shares was interrupted can't be seen here", failures)
        return any(not entry.kept or entry.fingerprint != fingerprint for entry in entries)

    def say_once(self, message: str) -> None:
        """Print a line of this run's that later attempts would only repeat."""
        if message not in self._said:
            self._said.add(message)
            say(message)

    def _finish_places(self, fingerprint: str) -> None:
        for location, remove in (
            (self._secret.location, partial(self._finish_secret, fingerprint)),
            (str(self._file.path), partial(self._finish_file, fingerprint)),
        ):
            try:
                remove()
            except (DeploymentError, OSError) as error:
                say(f"The journal stays in {location}, encrypted; it may be deleted by hand: {error}")

    def _entries(self) -> tuple[list[JournalEntry], list[str]]:
        """Return what lies in the places that can be read, and why the others can't be."""
        entries, failures = [], []
        for location, found in (
            (self._secret.location, _or_error(lambda: self._secret.entry(self._secret.look()))),
            (str(self._file.path), _or_error(self._file.read)),
        ):
            if isinstance(found, JournalEntry):
                entries.append(found)
            elif found is not None:
                failures.append(f"{location}: {found}")
        return entries, failures

    def _decrypted(self, cipher: JournalCipher, entry: JournalEntry) -> KeyRecord:
        plain = cipher.open(entry.header, self._deployment).decrypt(entry.ciphertext)
        record = KeyRecord.from_json(plain.decode())
        if record.deployment != self._deployment:
            raise JournalError(f"they are those of {record.deployment}")
        return record

    def _report(self, what: str, failures: list[str]) -> None:
        for failure in failures:
            self.say_once(f"{what}: {failure}")

    def _require_free(self, earlier: JournalEntry, volume: str) -> None:
        """Raise if an earlier entry must not be overwritten."""
        if earlier.belongs_to_live_run:
            raise self._another_run(f"{earlier.run.description}, since {earlier.began}")
        if earlier.kept and earlier.matches_volume(volume):
            raise JournalError(
                "keys of an earlier init lie in it, and the volume of Vault's data is still the same. "
                "If those data were erased on purpose, delete the journal first"
            )

    def _set_aside_damaged(self, in_secret: object, in_file: object, seen: SeenObject | None) -> None:
        """Keep what can't be read, as it may be all that is left of keys."""
        name = f"damaged-{self.lease.identity.run_id}"
        if isinstance(in_secret, Exception) and seen is not None:
            path = self._file.set_aside(f"secret-{name}", json.dumps(seen.document.get("data")))
            say(f"What lay in {self._secret.location} can't be read ({in_secret}); it stays in {path}")
        if isinstance(in_file, Exception):
            path = self._file.set_aside_unreadable(name)
            say(f"What lay in {self._file.path} can't be read ({in_file}); it stays in {path}")

    def _lock(self, entry: JournalEntry, seen: SeenObject | None) -> None:
        try:
            self._secret.write(entry, seen)
        except KubectlError as error:
            if error.reason not in OVERTAKEN:
                raise
            raise self._another_run("it wrote the journal at the same moment") from None

    def _another_run(self, who: str) -> AnotherRunError:
        return AnotherRunError(
            f"Another run is initialising this Vault ({who}); this one has changed nothing. Wait for it to "
            "end, then run pulumi up again. A run of an earlier version of this program counts as dead "
            f"{UNLEASED_SECONDS // 60} minutes after it began. The journal lies in {self.location}."
        )

    def _keep_once(self, entry: JournalEntry, in_cluster: bool) -> None:
        failures = {}
        for location, put in (
            (str(self._file.path), self._put_file),
            (self._secret.location, self._put_secret),
        ):
            try:
                put(entry)
            except _PLACE_ERRORS as error:
                failures[location] = f"{location}: {error}"
        if len(failures) == 2 or (in_cluster and self._secret.location in failures):
            raise RetryableError("; ".join(failures.values()))
        for failure in failures.values():
            say(f"One place of the journal failed, the other has the keys: {failure}")

    def _put_file(self, entry: JournalEntry) -> None:
        """Replace an intent with keys; never overwrite the keys of another run."""
        present = _or_error(self._file.read)
        if isinstance(present, JournalEntry) and _keys_of_another_run(present, entry):
            path = self._file.set_aside(entry.run.run_id, entry.to_json())
            say(f"{self._file.path} has the keys of another run; those of this one are, encrypted, in {path}")
            return
        self._file.write(entry)

    def _put_secret(self, entry: JournalEntry) -> None:
        """Replace an intent with keys; never overwrite the keys of another run."""
        for attempt in range(1, _ATTEMPTS + 1):
            seen = self._secret.look()
            present = self._secret.entry(seen)
            if present is not None and _keys_of_another_run(present, entry):
                raise JournalError("the keys of another run lie there")
            try:
                self._secret.write(entry, seen)
                return
            except KubectlError as error:
                if error.reason not in OVERTAKEN or attempt == _ATTEMPTS:
                    raise

    def _finish_secret(self, fingerprint: str) -> None:
        for attempt in range(1, _ATTEMPTS + 1):
            seen = self._secret.look()
            entry = self._secret.entry(seen)
            if seen is None or entry is None or self._leave(entry, fingerprint):
                return
            try:
                self._secret.delete(seen)
                return
            except KubectlError as error:
                if error.reason == "NotFound":
                    return
                if error.reason != "Conflict" or attempt == _ATTEMPTS:
                    raise

    def _finish_file(self, fingerprint: str) -> None:
        entry = self._file.read()
        if entry is not None and not self._leave(entry, fingerprint):
            self._file.delete()

    def _leave(self, entry: JournalEntry, fingerprint: str) -> bool:
        if entry.run.run_id in self._own_runs:
            return False
        if not entry.kept:
            if entry.belongs_to_live_run:
                say(f"The journal is another run's now ({entry.run.description})")
            return entry.belongs_to_live_run
        other = entry.fingerprint != fingerprint and not self._others_void
        if other:
            self.say_once(
                "The journal has keys of another run, or the shares of an interrupted change, which may be "
                f"valid. It stays, encrypted, in {self.location}; the next pulumi up settles it"
            )
        return other

    @contextlib.contextmanager
    def _naming_location(self, what: str) -> Iterator[None]:
        try:
            yield
        except (*_PLACE_ERRORS, KeyRecordError) as error:
            raise JournalError(f"{what}: {error}.\nThe journal lies in {self.location}.") from None


def _or_error(read: Callable[[], JournalEntry | None]) -> JournalEntry | Exception | None:
    """Return what ``read`` finds, or the reason why that place can't be read."""
    try:
        return read()
    except _PLACE_ERRORS as error:
        return error


def _keys_of_another_run(present: JournalEntry, entry: JournalEntry) -> bool:
    return present.kept and present.run.run_id != entry.run.run_id


def _began(entry: JournalEntry) -> datetime:
    return datetime.fromisoformat(entry.began)
