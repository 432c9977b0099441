"""Facts about a Vault of three pods in which everything is as it should be, to change one thing of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from components.status.facts import (
    CertificateSecret,
    Facts,
    ObservedPod,
    RecordedStack,
    Release,
    SeenCertificate,
)
from components.status.page import Line, Section, State
from components.vault.answers import Leader, SealStatus
from components.vault.stateful_set import PodOrigin
from tests.unit.fakes.init_inputs import DEPLOYMENT, access
from tests.unit.fakes.rolling_pods import server

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
WANTED = PodOrigin(image="hashicorp/vault:1.20.4", configuration="after", chart="vault-0.29.1")
PEERS = [{"node_id": f"vault-{ordinal}", "voter": True, "healthy": True} for ordinal in range(3)]


def outputs(**changed: Any) -> dict[str, Any]:
    """The stack's outputs, as pulumi shows them without its secrets."""
    return {
        "pod_access": access("").to_properties(),
        "deployment": DEPLOYMENT,
        "replicas": 3,
        "mode": "ha",
        "threshold": 3,
        "seal_type": "awskms",
        "migrate_from": "",
        "peers": PEERS,
        "custody": {"store": "state"},
        "keys_location": "the stack's state",
        "keys_version": "",
        "keys_fingerprint": "sha256:0",
        "root_token": "[secret]",
        "recovery_shares": "[secret]",
        "key_shares": "[secret]",
        **changed,
    }


def certificate(serial: str = "a1", *, begun_days: float = 30, left_days: float = 335) -> SeenCertificate:
    """A certificate by its age and by what is left of it, in days."""
    return SeenCertificate(serial, NOW - timedelta(days=begun_days), NOW + timedelta(days=left_days))


def pod(ordinal: int, *, status: Mapping[str, Any] | None = None, **changed: Any) -> ObservedPod:
    """A pod that serves, pod 0 as the leader, but for what is changed."""
    found = SealStatus("awskms", True, False, True, "1.20.4", "c")
    leader = Leader(True, ordinal == 0, "http://vault-0:8200", 100, 100)
    serving = ObservedPod(server(ordinal), status=found, leader=leader, speaks_tls=False)
    if status is not None:
        changed["status"] = replace(found, **status)
    return replace(serving, **changed)


def sealed(ordinal: int, **status: Any) -> ObservedPod:
    """A pod that is sealed."""
    return pod(ordinal, status={"sealed": True, "cluster_id": "", **status}, leader=None)


def missing(ordinal: int, why: str = "") -> ObservedPod:
    """A pod that isn't there."""
    gone = replace(server(ordinal), pod_uid="", ready=False, running=False)
    return ObservedPod(gone, kubernetes=why)


def facts(*pods: ObservedPod, stack: Mapping[str, Any] | None = None, **changed: Any) -> Facts:
    """Facts with these pods, or with three that serve, but for what is changed."""
    return replace(
        Facts(
            now=NOW,
            stack=RecordedStack.from_outputs(outputs(**(stack or {}))),
            unreachable="",
            release=Release(3, WANTED, ""),
            pods=pods or [pod(ordinal) for ordinal in range(3)],
            secret=None,
            token=None,
        ),
        **changed,
    )


def over_tls(*served: SeenCertificate, **changed: Any) -> Facts:
    """Facts about pods that serve these certificates, and the Secret with the first of them."""
    pods = [pod(ordinal, speaks_tls=True, served=seen) for ordinal, seen in enumerate(served)]
    secret = CertificateSecret("vault-server-tls", by_stack=True, certificate=served[0])
    return facts(*pods, **{"secret": secret, **changed})


def wrong(section: Section) -> Sequence[Line]:
    """The lines of what needs attention, each of which says what to do."""
    found = [line for line in section.lines if line.state is State.ATTENTION]
    assert all(line.fix for line in found[-1:])
    return found
