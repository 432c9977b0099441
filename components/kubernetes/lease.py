"""Lets one run at a time change a Vault's keys, by a Lease beside that Vault.

The fields are used as by client-go's leader election: the holder renews, and another run takes the Lease over
once it has itself seen it unchanged for as long as the Lease says. No clock of another machine is compared.
Every write names the version that it replaces, so a holder that slept finds out at its next one: what can't
be undone is preceded by :meth:`RunLease.check`.

Its annotations have the nonces of what a run began on Vault. By them the next one tells what a killed run
left there from what people are about.
"""

import contextlib
import platform
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from components.errors import DeploymentError, RetryableError
from components.kubernetes.kubectl import OWNER, KubectlError, KubernetesTarget
from components.kubernetes.owned_object import OVERTAKEN, ForeignObjectError, OwnedObject, SeenObject
from components.progress import Waiting, say

LEASE_SECONDS = 15
"""How long a run that doesn't renew still counts as alive."""
LEASE_RIGHTS = ("get", "create", "update")
"""Verbs on leases that whoever runs the program needs."""
_RENEWAL_SECONDS = 5
_LOOK_SECONDS = 1
_OVERTAKEN_ATTEMPTS = 10


class AnotherRunError(DeploymentError):
    """Another run is at work and alive; this one has changed nothing."""


class LeaseLostError(DeploymentError):
    """Another run has taken the lease from this one, which must not go on."""


class LeaseUnconfirmedError(RetryableError):
    """The lease can't be renewed now, and may still be held or not."""


@dataclass(frozen=True)
class RunIdentity:
    """One run of the program, different from every other."""

    run_id: str
    host: str
    """Name of its machine, for messages."""

    @staticmethod
    def new() -> "RunIdentity":
        """Return the identity of a new run on this machine."""
        return RunIdentity(str(uuid.uuid4()), platform.node())

    @property
    def description(self) -> str:
        """The run's machine, for messages."""
        return f"a run on {self.host}"

    @property
    def holder(self) -> str:
        """The run as a Lease names it."""
        return f"{self.host}_{self.run_id}"


class RunLease:
    """The Lease of one Vault, as one run sees it."""

    def __init__(self, target: KubernetesTarget, statefulset: str) -> None:
        self.identity = RunIdentity.new()
        self.waited_for = ""
        """The run that this one had to wait for, for messages; empty if there was none."""
        self._object = OwnedObject(target, "coordination.k8s.io/v1", "Lease", f"{statefulset}-operator-init")
        self._seen: SeenObject | None = None
        """What this run wrote last; None while it doesn't hold the lease."""
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def held(self, seconds: float) -> Iterator[None]:
        """Hold the lease, renewed in the background; within such a block this does nothing more.

        Waits up to ``seconds`` for a run that renews it, and as long as it takes to see that one doesn't.
        Raises :class:`AnotherRunError`, and :class:`DeploymentError` if the Lease can't be used.
        """
        if self._seen is not None:
            yield
            return
        self._acquire(seconds)
        stop = threading.Event()
        renewal = threading.Thread(target=self._renew_until, args=(stop,), daemon=True)
        renewal.start()
        try:
            yield
        finally:
            stop.set()
            renewal.join()
            self._release()

    def check(self) -> None:
        """Renew the lease now, which proves that no other run has had it since it was acquired.

        Raises :class:`LeaseLostError` or :class:`LeaseUnconfirmedError`.
        """
        self._renew({})

    def note_attempt(self, operation: str, nonce: str) -> None:
        """Record the nonce of an operation that this run began on Vault; the same check as :meth:`check`."""
        self._renew({f"{OWNER}/{operation}": nonce})

    def is_own_attempt(self, operation: str, nonce: str) -> bool:
        """Return whether that was begun by this run, or by the last one that began any and held the lease."""
        return self._seen is not None and self._seen.annotations.get(f"{OWNER}/{operation}") == nonce

    def _renew(self, attempts: Mapping[str, str]) -> None:
        with self._lock:
            if self._seen is None:
                raise RuntimeError("the lease isn't held")
            try:
                self._seen = self._renewed(self._seen, attempts)
            except KubectlError as error:
                if error.reason not in OVERTAKEN:
                    raise self._unconfirmed(error) from None
                self._seen = self._renew_again(attempts)

    def _renew_again(self, attempts: Mapping[str, str]) -> SeenObject:
        """Renew what this run may have written itself, if only the answer was lost."""
        try:
            now = self._object.read()
            if now is not None and _spec(now).get("holderIdentity") == self.identity.holder:
                return self._renewed(now, attempts)
        except ForeignObjectError:
            now = None
        except KubectlError as error:
            raise self._unconfirmed(error) from None
        who = _holder(now) if now is not None and _spec(now).get("holderIdentity") else "it has ended"
        raise LeaseLostError(
            f"Another run has taken {self._object.location} over ({who}), as this one didn't renew it for "
            f"{LEASE_SECONDS} s. This one does nothing more; run pulumi up again once the other has ended."
        )

    def _acquire(self, seconds: float) -> None:
        waiting = Waiting("Waiting for another run", seconds)
        watch = _Watch()
        overtaken = 0
        while True:
            try:
                seen = self._object.read()
                if seen is None or not _spec(seen).get("holderIdentity") or watch.silent(seen):
                    self._seen = self._taken(seen)
                    return
                self._wait(waiting, watch, seen)
            except ForeignObjectError as error:
                raise DeploymentError(f"{error}. Give it another name, and run pulumi up again.") from None
            except KubectlError as error:
                if error.reason not in OVERTAKEN or overtaken == _OVERTAKEN_ATTEMPTS:
                    raise self._unconfirmed(error) from None
                overtaken += 1
            time.sleep(_LOOK_SECONDS)

    def _taken(self, seen: SeenObject | None) -> SeenObject:
        transitions = 0 if seen is None else int(_spec(seen).get("leaseTransitions") or 0) + 1
        content = {
            "spec": {
                "holderIdentity": self.identity.holder,
                "leaseDurationSeconds": LEASE_SECONDS,
                "acquireTime": _now(),
                "renewTime": _now(),
                "leaseTransitions": transitions,
            }
        }
        if seen is None:
            return self._object.create(content)
        return self._object.replace(content, seen, seen.annotations)

    def _wait(self, waiting: Waiting, watch: "_Watch", seen: SeenObject) -> None:
        """Report the run that holds the lease; raise if it is alive and time is up."""
        self.waited_for = f"another run, {_holder(seen)}"
        other = f"Another run initialises this Vault at the moment, or changes its keys ({_holder(seen)})"
        if watch.renewed and waiting.over:
            raise AnotherRunError(
                f"{other}; this one has changed nothing. Wait for it to end, then run pulumi up again. It "
                f"counts as dead once it hasn't renewed {self._object.location} for {LEASE_SECONDS} s."
            )
        waiting.pause(f"{other}; if it was killed, it counts as dead after {LEASE_SECONDS} s", seconds=0)

    def _renew_until(self, stop: threading.Event) -> None:
        reported = ""
        while not stop.wait(_RENEWAL_SECONDS):
            try:
                self.check()
            except DeploymentError as error:
                if str(error) != reported:
                    reported = str(error)
                    say(reported)
                if isinstance(error, LeaseLostError):
                    return

    def _release(self) -> None:
        """Leave the Lease without a holder, as client-go does; nobody then has to wait."""
        seen, self._seen = self._seen, None
        if seen is None:
            return
        spec = {**_spec(seen), "holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": _now()}
        try:
            self._object.replace({"spec": spec}, seen, seen.annotations)
        except KubectlError as error:
            if error.reason not in OVERTAKEN:
                say(
                    f"{self._object.location} couldn't be released, so the next run waits {LEASE_SECONDS} s: "
                    f"{error}"
                )

    def _renewed(self, seen: SeenObject, attempts: Mapping[str, str]) -> SeenObject:
        content = {"spec": {**_spec(seen), "renewTime": _now()}}
        return self._object.replace(content, seen, {**seen.annotations, **attempts})

    def _unconfirmed(self, error: KubectlError) -> LeaseUnconfirmedError:
        fix = (
            f" Grant {', '.join(LEASE_RIGHTS)} on leases (coordination.k8s.io) in namespace "
            f"{self._object.target.namespace}."
            if error.reason == "Forbidden"
            else ""
        )
        return LeaseUnconfirmedError(
            f"{self._object.location}, which keeps two runs apart, can't be renewed: {error}.{fix}"
        )


class _Watch:
    """An observation of another run's Lease, by the clock of this machine alone."""

    def __init__(self) -> None:
        self.renewed = False
        """Whether the other run has renewed it meanwhile."""
        self._version = ""
        self._since = 0.0

    def silent(self, seen: SeenObject) -> bool:
        """Return whether the Lease was seen unchanged for as long as it says."""
        now = time.monotonic()
        if seen.resource_version != self._version:
            self.renewed = bool(self._version)
            self._version, self._since = seen.resource_version, now
        return now - self._since >= int(_spec(seen).get("leaseDurationSeconds") or LEASE_SECONDS)


def _spec(seen: SeenObject) -> Mapping[str, Any]:
    found: Mapping[str, Any] = seen.document.get("spec") or {}
    return found


def _holder(seen: SeenObject) -> str:
    spec = _spec(seen)
    host = str(spec.get("holderIdentity")).rpartition("_")[0]
    return f"on {host}, since {spec.get('acquireTime')}"


def _now() -> str:
    """Return the time as a MicroTime of Kubernetes, which has exactly six digits after the second."""
    return datetime.now(UTC).isoformat(timespec="microseconds")
