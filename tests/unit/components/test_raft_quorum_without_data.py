"""A Vault whose volumes are all lost: each run says so, and an update fails at once."""

from pathlib import Path

import pytest

from components.errors import DeploymentError
from components.raft_quorum import RaftQuorumProvider
from tests.unit.fakes.init_inputs import InitCluster, provide_cluster, quorum_inputs
from tests.unit.fakes.scripted_vault import SEAL_STATUS, Answer, ScriptedVault, seal_status

PODS = ("vault-0", "vault-1", "vault-2")
BLANK = seal_status("awskms", initialized=False, sealed=True)
SEALED = seal_status("awskms", initialized=True, sealed=True, cluster_id="7d0f")
LOST = "Vault has lost all its data: every pod is blank"


@pytest.fixture(autouse=True)
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> InitCluster:
    cluster = provide_cluster(monkeypatch, tmp_path)
    for pod in PODS:
        cluster.add_server(pod)
    return cluster


def inputs(vault: ScriptedVault, *answers: Answer, **changed: object) -> dict[str, object]:
    """The quorum's inputs, after pods that answer so."""
    for pod, answer in zip(PODS, answers, strict=True):
        vault.answers(f"GET /{pod}{SEAL_STATUS.removeprefix('GET ')}", answer)
    return quorum_inputs(f"{vault.address}/{{pod}}", **changed)


def label(cluster: InitCluster, pod: str, *, initialized: bool) -> None:
    """Label a pod as Vault does."""
    text = "true" if initialized else "false"
    labels = {"controller-revision-hash": "new", "vault-initialized": text}
    cluster.objects.put("pod", pod, metadata={"labels": labels})


def test_blank_pods_are_a_change_and_an_error(
    vault: ScriptedVault, cluster: InitCluster, capfd: pytest.CaptureFixture[str]
) -> None:
    for pod in PODS:
        label(cluster, pod, initialized=False)
    props = inputs(vault, BLANK, BLANK, BLANK)

    assert RaftQuorumProvider().diff("id", props, props).changes
    said = capfd.readouterr()
    assert LOST in said.out + said.err

    with pytest.raises(DeploymentError, match=r"components restore FILE --really STACK") as error:
        RaftQuorumProvider().update("id", props, props)
    assert LOST in str(error.value)
    assert {request.call.split(" ")[0] for request in vault.requests} == {"GET"}


def test_a_vault_with_its_data_is_not_asked(vault: ScriptedVault, cluster: InitCluster) -> None:
    label(cluster, "vault-1", initialized=True)
    props = inputs(vault, BLANK, BLANK, BLANK)

    assert not RaftQuorumProvider().diff("id", props, props).changes
    assert vault.requests == []


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param((BLANK, BLANK, SEALED), id="one-is-only-sealed"),
        pytest.param((SEALED, SEALED, SEALED), id="all-are-only-sealed"),
        pytest.param((BLANK, Answer({}, status=503), BLANK), id="one-can-not-be-asked"),
    ],
)
def test_pods_that_may_have_data(vault: ScriptedVault, answers: tuple[Answer, ...]) -> None:
    props = inputs(vault, *answers)
    assert not RaftQuorumProvider().diff("id", props, props).changes


def test_a_pod_that_is_not_there_may_have_data(vault: ScriptedVault, cluster: InitCluster) -> None:
    cluster.objects.remove("pod", "vault-2")
    props = inputs(vault, BLANK, BLANK, BLANK)
    assert not RaftQuorumProvider().diff("id", props, props).changes


def test_file_storage_has_no_labels(vault: ScriptedVault, cluster: InitCluster) -> None:
    props = inputs(vault, BLANK, BLANK, BLANK, storage="file", replicas=1)
    assert not RaftQuorumProvider().diff("id", props, props).changes
    assert cluster.objects.calls == []


def test_a_cluster_that_can_not_be_asked_is_told(
    vault: ScriptedVault, cluster: InitCluster, capfd: pytest.CaptureFixture[str]
) -> None:
    cluster.objects.fail("get pods", "pods is forbidden")
    props = inputs(vault, BLANK, BLANK, BLANK)

    assert not RaftQuorumProvider().diff("id", props, props).changes
    said = capfd.readouterr()
    assert "Whether Vault still has its data can't be seen" in said.out + said.err
    assert "pods is forbidden" in said.out + said.err
