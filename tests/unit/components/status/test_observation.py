"""What is asked of Kubernetes and of each pod, and what becomes of what doesn't answer."""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from components.kubernetes.kubectl import Kubectl, KubectlError
from components.status.facts import Facts, RecordedStack
from components.status.observation import observe
from components.vault.seal_health import SealHealth
from components.vault.server_identity import VOLUME
from sandbox.certificates import CertificateAuthority
from tests.unit.fakes.init_inputs import access
from tests.unit.fakes.kubectl_in_process import answer_in_process
from tests.unit.fakes.kubernetes_objects import KubernetesObjects
from tests.unit.fakes.observed_vault import NOW, outputs
from tests.unit.fakes.scripted_vault import (
    FOLLOWS,
    LEADER,
    LEADS,
    SEAL_BACKEND_STATUS,
    SEAL_STATUS,
    Answer,
    ScriptedVault,
    error,
    seal_status,
)

UNSEALED = seal_status(initialized=True, sealed=False, cluster_id="c")
RUNS = {
    "phase": "Running",
    "conditions": [{"type": "Ready", "status": "True"}],
    "containerStatuses": [{"name": "vault", "ready": True, "state": {"running": {}}}],
}


class Cluster:
    """A StatefulSet of three replicas, and what kubectl says."""

    def __init__(self, folder: Path) -> None:
        self.objects = KubernetesObjects(folder / "objects")
        self.secret: str | KubectlError = ""
        self.asked: list[Sequence[str]] = []
        self.template()
        for ordinal in range(3):
            self.objects.put(
                "pod",
                f"vault-{ordinal}",
                metadata={"labels": {"controller-revision-hash": "new"}},
                status=RUNS,
            )

    def template(self, *, generation: int = 1, replicas: int = 3, volumes: Sequence[Any] = ()) -> None:
        """Change the StatefulSet."""
        template = {"metadata": {"labels": {"helm.sh/chart": "vault-0.29.1"}}, "spec": {"volumes": volumes}}
        self.objects.put(
            "statefulset",
            "vault",
            metadata={"generation": generation},
            spec={"replicas": replicas, "template": template},
            status={"updateRevision": "new", "observedGeneration": 1},
        )

    def run(self, arguments: Sequence[str]) -> str:
        self.asked.append(arguments)
        if arguments[:2] == ["get", "secret"]:
            if isinstance(self.secret, KubectlError):
                raise self.secret
            return self.secret
        return answer_in_process(self.objects, arguments, None)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cluster:
    found = Cluster(tmp_path)

    def run(_kubectl: Kubectl, arguments: Sequence[str], **_options: Any) -> str:
        return found.run(arguments)

    monkeypatch.setattr(Kubectl, "run", run)
    return found


def observed(vault: ScriptedVault, **stack: Any) -> Facts:
    recorded = outputs(pod_access=access(vault.address).to_properties(), **stack)
    return observe(RecordedStack.from_outputs(recorded), NOW)


@pytest.fixture
def serving(vault: ScriptedVault) -> ScriptedVault:
    vault.answers(SEAL_STATUS, UNSEALED)
    vault.answers(LEADER, LEADS)
    return vault


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer({"healthy": True, "backends": [], "fully_wrapped": True}), SealHealth(healthy=True)),
        (Answer({"healthy": False}), SealHealth(healthy=False)),
        (error(403, "permission denied"), None),
        # It reads its storage for it.
        (error(500, "could not read seal generation information"), None),
    ],
)
def test_leader_tells_whether_its_key_serves_it(
    answer: Answer, expected: SealHealth | None, serving: ScriptedVault
) -> None:
    serving.answers(SEAL_BACKEND_STATUS, answer)
    serving.answers(LEADER, LEADS, FOLLOWS)
    pods = observed(serving).pods
    assert [pod.seal_health for pod in pods if pod.leads] == [expected]
    assert [(pod.seal_health, pod.problem) for pod in pods if not pod.leads] == [(None, "")] * 2
    assert len(serving.asked(SEAL_BACKEND_STATUS)) == 1
    assert {request.token for request in serving.requests} == {""}


@pytest.mark.usefixtures("cluster")
def test_shamirs_shares_have_no_key_to_ask_for(serving: ScriptedVault) -> None:
    observed(serving, seal_type="shamir")
    assert serving.asked(SEAL_BACKEND_STATUS) == []


@pytest.mark.usefixtures("cluster")
def test_pods_that_serve(serving: ScriptedVault) -> None:
    facts = observed(serving)
    assert [pod.name for pod in facts.pods] == ["vault-0", "vault-1", "vault-2"]
    assert [(pod.leads, pod.server.ready, pod.kubernetes, pod.problem) for pod in facts.pods] == [
        (True, True, "", "")
    ] * 3
    assert facts.release is not None
    assert (facts.release.replicas, facts.release.wanted.chart) == (3, "vault-0.29.1")
    assert {request.token for request in serving.requests} == {""}
    assert (facts.secret, facts.token) == (None, None)


def test_pods_that_are_missing_or_too_many(cluster: Cluster, serving: ScriptedVault) -> None:
    cluster.objects.remove("pod", "vault-1")
    cluster.objects.put("pod", "vault-3", metadata={"labels": {"controller-revision-hash": "old"}})
    facts = observed(serving)
    assert [(pod.name, pod.exists, pod.server.outdated) for pod in facts.pods] == [
        ("vault-0", True, False),
        ("vault-1", False, False),
        ("vault-2", True, False),
        ("vault-3", True, True),
    ]
    assert facts.pods[1].kubernetes == "not created yet"


def test_change_that_kubernetes_has_not_taken_over(cluster: Cluster, serving: ScriptedVault) -> None:
    cluster.template(generation=2)
    facts = observed(serving)
    assert facts.release is not None
    assert "hasn't taken over the last change" in facts.release.unsettled
    assert [pod.leads for pod in facts.pods] == [True] * 3


def test_release_that_is_gone_and_has_left_pods(cluster: Cluster, serving: ScriptedVault) -> None:
    cluster.objects.remove("statefulset", "vault")
    facts = observed(serving)
    assert facts.release is None
    assert [pod.leads for pod in facts.pods] == [True] * 3


@pytest.mark.usefixtures("cluster")
def test_vault_that_does_not_answer() -> None:
    facts = observed(ScriptedVault("http://127.0.0.1:9"))
    assert [pod.problem for pod in facts.pods] == ["no answer from Vault: ConnectionError"] * 3


@pytest.mark.usefixtures("cluster")
def test_vault_without_high_availability(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, UNSEALED)
    vault.answers(LEADER, Answer({"ha_enabled": False}))
    facts = observed(vault, mode="standalone", replicas=1)
    assert facts.pods[0].leads


def test_kubernetes_out_of_reach(cluster: Cluster, serving: ScriptedVault) -> None:
    cluster.objects.fail("get statefulset,pod", "E1127 memcache\nThe connection to the server was refused")
    facts = observed(serving)
    assert facts.unreachable == "The connection to the server was refused"
    assert [pod.leads for pod in facts.pods] == [True] * 3
    through = outputs(pod_access=access("").to_properties())
    facts = observe(RecordedStack.from_outputs(through), NOW)
    assert [pod.problem for pod in facts.pods] == ["not asked, as the way to it is cut"] * 3
    assert [arguments[0] for arguments in cluster.asked] == ["get", "get"]


VOLUMES = [{"name": "data"}, {"name": VOLUME, "secret": {"secretName": "vault-server-tls"}}]


def answer(certificate: bytes, owner: str = "vault-autounseal") -> str:
    return f"{owner}||{base64.b64encode(certificate).decode()}"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("", {"problem": "it isn't there"}),
        (
            answer(b"rust"),
            {"by_stack": True, "problem": "its entry tls.crt has no readable certificate (PEM)"},
        ),
        ("|tls|", {"request": "tls", "problem": "its entry tls.crt has no readable certificate (PEM)"}),
        (KubectlError("Error from server (Forbidden): no"), {"unasked": True}),
    ],
)
def test_secret_without_a_certificate(
    cluster: Cluster, serving: ScriptedVault, said: str | KubectlError, expected: Mapping[str, Any]
) -> None:
    cluster.template(volumes=VOLUMES)
    cluster.secret = said
    secret = observed(serving).secret
    assert secret is not None
    assert {name: getattr(secret, name) for name in expected} == expected
    assert secret.certificate is None


def test_certificate_of_the_secret_without_its_key(
    cluster: Cluster, serving: ScriptedVault, tmp_path: Path
) -> None:
    authority = CertificateAuthority.load_or_create(tmp_path, "test")
    cluster.template(volumes=VOLUMES)
    cluster.secret = answer(authority.issue("server", "server").certificate.read_bytes())
    secret = observed(serving).secret
    assert secret is not None
    assert secret.certificate is not None
    assert secret.by_stack
    (asked,) = (arguments for arguments in cluster.asked if arguments[1] == "secret")
    assert "tls.key" not in "".join(asked).replace("\\", "")
    assert any(argument.startswith("--output=jsonpath=") for argument in asked)
