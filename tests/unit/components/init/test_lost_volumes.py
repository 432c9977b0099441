"""An initialised Vault whose pods are blank: told with the command, and never by mistake."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from components.init.lost_volumes import lost_volumes
from components.kubernetes.kubectl import Kubectl, KubectlError
from components.vault.pod_access import PodAccess
from tests.unit.fakes.init_inputs import InitCluster, access
from tests.unit.fakes.scripted_vault import (
    FOLLOWS,
    LEADER,
    LEADS,
    SEAL_STATUS,
    Answer,
    seal_status,
)
from tests.unit.fakes.three_pods import each_pod_answers, provide_three_pods

BLANK = seal_status()
SERVES = seal_status(initialized=True, sealed=False, cluster_id="0a1b")
SEALED = seal_status(initialized=True)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> InitCluster:
    """Three pods, none of which is ready."""
    found = provide_three_pods(monkeypatch, tmp_path / "cluster")
    ready(found, 0)
    return found


def ready(cluster: InitCluster, pods: int, *, of: int = 3) -> None:
    counted = {"readyReplicas": pods} if pods else {}
    status = {"updateRevision": "new", "observedGeneration": 1, **counted}
    cluster.objects.put(
        "statefulset", "vault", metadata={"generation": 1}, spec={"replicas": of}, status=status
    )


def answers(monkeypatch: pytest.MonkeyPatch, *pods: tuple[Answer, Answer] | Answer | None) -> PodAccess:
    """Has each pod answer that about its seal, and its leader; None doesn't answer."""

    def calls(pod: tuple[Answer, Answer] | Answer | None) -> Mapping[str, Answer] | None:
        if pod is None:
            return None
        status, leader = pod if isinstance(pod, tuple) else (pod, FOLLOWS)
        return {SEAL_STATUS: status, LEADER: leader}

    return each_pod_answers(monkeypatch, *map(calls, pods))


@pytest.mark.usefixtures("cluster")
def test_all_are_blank(monkeypatch: pytest.MonkeyPatch) -> None:
    said = lost_volumes(answers(monkeypatch, BLANK, BLANK, BLANK))
    assert said is not None
    assert said.startswith("All of Vault's data is lost. vault-0, vault-1, vault-2 answered")
    assert ".venv/bin/python -m components restore FILE (docs/snapshots.md#all-volumes-are-lost)" in said
    assert "standalone" not in said


def test_single_server_may_have_no_snapshots(cluster: InitCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    ready(cluster, 0, of=1)
    said = lost_volumes(answers(monkeypatch, BLANK))
    assert said is not None
    assert "or in mode standalone a copy of the volume" in said


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize("third", [SEALED, None])
def test_majority_is_blank(monkeypatch: pytest.MonkeyPatch, third: Answer | None) -> None:
    said = lost_volumes(answers(monkeypatch, third, BLANK, BLANK))
    assert said is not None
    assert said.startswith("A majority of Vault's data is lost. vault-1, vault-2 answered")
    assert "recover-quorum" in said


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize(
    "pods",
    [
        [BLANK, SEALED, SEALED],
        [BLANK, None, None],
        [None, None, None],
        # About to join it.
        [(SERVES, LEADS), BLANK, BLANK],
    ],
)
def test_nothing_is_known_to_be_lost(
    monkeypatch: pytest.MonkeyPatch, pods: list[tuple[Answer, Answer] | Answer | None]
) -> None:
    assert lost_volumes(answers(monkeypatch, *pods)) is None


def test_pods_that_serve_are_not_asked(cluster: InitCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    ready(cluster, 2)
    monkeypatch.setattr(PodAccess, "reach", lambda *_: pytest.fail("it was asked"))
    assert lost_volumes(access("")) is None


def test_pods_beyond_the_replicas_do_not_count(cluster: InitCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    ready(cluster, 0, of=1)
    assert lost_volumes(answers(monkeypatch, SEALED, BLANK, BLANK)) is None


def test_release_is_not_there(cluster: InitCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster.objects.remove("statefulset", "vault")
    assert lost_volumes(answers(monkeypatch, BLANK, BLANK, BLANK)) is None


@pytest.mark.usefixtures("cluster")
def test_cluster_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: object, **__: object) -> str:
        raise KubectlError("connection refused")

    monkeypatch.setattr(Kubectl, "run", run)
    with pytest.raises(KubectlError, match="connection refused"):
        lost_volumes(access(""))
