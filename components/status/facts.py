"""Declares what was observed of a stack's Vault, from which the page is made. Nothing in it is secret."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from components.custody.key_custody import STATE_LOCATION
from components.kubernetes.cron_job import CronJobState
from components.seals.seal import seal_class
from components.vault.answers import Leader, RaftState, SealStatus
from components.vault.pod_access import PodAccess
from components.vault.seal_health import SealHealth
from components.vault.stateful_set import PodOrigin, Server

_NO_RIGHTS = "is forbidden: User"
"""Words of the API server if a right is missing, also where kubectl names no reason: in a tunnel's refusal.

Source: kubernetes/apiserver, pkg/endpoints/handlers/responsewriters/errors.go."""


@dataclass(frozen=True)
class RecordedStack:
    """The stack's Vault as its last update has recorded it."""

    access: PodAccess
    replicas: int
    highly_available: bool
    seal_type: str
    migrate_from: str
    """The seal that is being left; empty unless a migration is under way."""
    threshold: int
    keys_location: str
    """Empty if the stack has adopted a Vault without its keys."""
    keys_version: str
    keys_in_state: bool
    keys_fingerprint: str
    voters: int | None
    """Number of voters at the last verification; None if they weren't verified."""
    audit_devices: Sequence[str] = ()
    """Audit devices that an entry had reached at the last verification."""
    audit_problem: str = ""
    """Why Vault didn't audit as the settings say; empty if it did."""
    snapshot_job: str = ""
    """Name of the CronJob that takes snapshots; empty if the stack has none."""
    snapshot_location: str = ""
    """Where it keeps them."""
    snapshot_stale_after_hours: int = 0
    """Age of the last one, in hours, from which on it is too old."""

    @staticmethod
    def from_outputs(outputs: Mapping[str, Any]) -> "RecordedStack":
        """Return what the stack's outputs say, which may be those of an earlier version of the program."""
        peers: Sequence[Mapping[str, Any]] = outputs.get("peers") or ()
        verified = [peer for peer in peers if peer.get("voter") is not None]
        location = str(outputs.get("keys_location") or "")
        return RecordedStack(
            access=PodAccess.from_properties(outputs["pod_access"]),
            replicas=int(outputs["replicas"]),
            highly_available=outputs.get("mode", "ha") == "ha",
            seal_type=str(outputs.get("seal_type") or ""),
            migrate_from=str(outputs.get("migrate_from") or ""),
            threshold=int(outputs["threshold"]),
            keys_location=location,
            keys_version=str(outputs.get("keys_version") or ""),
            keys_in_state=location == STATE_LOCATION,
            keys_fingerprint=str(outputs.get("keys_fingerprint") or ""),
            voters=sum(bool(peer["voter"]) for peer in verified) if verified else None,
            audit_devices=tuple(outputs.get("audit_devices") or ()),
            audit_problem=str(outputs.get("audit_problem") or ""),
            snapshot_job=str(outputs.get("snapshot_job") or ""),
            snapshot_location=str(outputs.get("snapshot_location") or ""),
            snapshot_stale_after_hours=int(outputs.get("snapshot_stale_after_hours") or 0),
        )

    @property
    def unseals_itself(self) -> bool:
        """Whether pods that start need no shares; so it is taken to be if the stack doesn't say its seal."""
        return not self.seal_type or seal_class(self.seal_type).unseals_itself

    @property
    def vault(self) -> str:
        """Namespace and StatefulSet, for messages."""
        return f"{self.access.target.namespace}/{self.access.statefulset}"


@dataclass(frozen=True)
class SeenCertificate:
    """A server's certificate as far as it is shown here."""

    serial: str
    """In hexadecimal digits."""
    not_before: datetime
    not_after: datetime


@dataclass(frozen=True)
class CertificateSecret:
    """The Secret that has the servers' certificate, without its key."""

    name: str
    by_stack: bool = False
    """Whether the stack itself has made what is in it."""
    request: str = ""
    """Name of cert-manager's Certificate that keeps it; empty if there is none."""
    certificate: SeenCertificate | None = None
    problem: str = ""
    """Why there is no certificate; empty if there is one."""
    unasked: bool = False
    """Whether Kubernetes didn't answer, so that nothing is known of it."""


@dataclass(frozen=True)
class ObservedPod:
    """One pod that there should be, as Kubernetes and its Vault have it."""

    server: Server
    kubernetes: str = ""
    """Why it doesn't run, in Kubernetes' own words; empty if it does, or nobody knows."""
    status: SealStatus | None = None
    """None if its Vault can't be asked."""
    leader: Leader | None = None
    """None if its Vault can't be asked, is sealed, or reaches no leader."""
    seal_health: SealHealth | None = None
    """None if it doesn't lead, can't tell, or its seal has no key of its own."""
    problem: str = ""
    """Why it can't be asked, or reaches no leader; empty if it serves or is sealed."""
    speaks_tls: bool | None = None
    """None if it can't be reached."""
    served: SeenCertificate | None = None
    """The certificate that it shows; None without TLS, or if it can't be reached."""

    @property
    def name(self) -> str:
        """Name of the pod."""
        return self.server.name

    @property
    def exists(self) -> bool:
        """Whether there is such a pod, or one may be there as Kubernetes can't be asked."""
        return bool(self.server.pod_uid)

    @property
    def forbidden(self) -> bool:
        """Whether whoever looks at it lacks the rights to ask its Vault, of which then nothing is known."""
        return self.status is None and _NO_RIGHTS in self.problem

    @property
    def leads(self) -> bool:
        """Whether it leads the cluster."""
        return self.leader is not None and self.leader.is_self


@dataclass(frozen=True)
class Release:
    """The StatefulSet of Vault's release."""

    replicas: int
    wanted: PodOrigin
    """The origin of the pods that it makes now."""
    unsettled: str
    """Why it isn't known which pods are outdated; empty if it is."""


@dataclass(frozen=True)
class TokenAnswers:
    """The answers that Vault gives to a token alone, and what the store of the keys has."""

    raft: RaftState | None = None
    """None without raft, or if it can't be asked."""
    audit: Sequence[str] | None = None
    """Paths of the audit devices; None if they can't be asked for."""
    problem: str = ""
    """Why something of it isn't known; empty if all is."""
    record_problem: str = ""
    """What is wrong with the record of the keys; empty if nothing is known to be."""


@dataclass(frozen=True)
class SeenSnapshots:
    """The job that takes snapshots, as Kubernetes has it."""

    job: CronJobState | None
    """None if there is none, or nobody knows."""
    problem: str = ""
    """Why the newest one has failed; empty if it hasn't."""
    unasked: str = ""
    """Why Kubernetes didn't answer; empty if it did."""


@dataclass(frozen=True)
class Facts:
    """Everything that the page is made from."""

    now: datetime
    """With a time zone."""
    stack: RecordedStack
    unreachable: str
    """Why Kubernetes can't be asked; empty if it can."""
    release: Release | None
    """None if there is none, or Kubernetes can't be asked."""
    pods: Sequence[ObservedPod]
    """One for each ordinal that the stack should have, and what is beyond."""
    secret: CertificateSecret | None
    """None if the release has no TLS, or Kubernetes can't be asked."""
    token: TokenAnswers | None
    """None if no token was to be used."""
    snapshots: SeenSnapshots | None = None
    """None if the stack takes none, or Kubernetes can't be asked."""
