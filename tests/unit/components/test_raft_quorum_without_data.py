"""A Vault whose volumes are all lost: each run says so, and an update fails at once."""

from pathlib import Path

import pytest

from components.errors import DeploymentError
from components.raft_quorum import RaftQuorumProvider
from tests.unit.fakes.init_inputs import InitCluster, provide_cluster, quorum_inputs
from tests.unit.fakes.scripted_vault import SEAL_STATUS, ScriptedVault, seal_status

PODS = ("vault-0", "vault-1", "vault-2")
LOST = "Vault has lost all its data: every pod is blank"


@pytest.fixture(autouse=True)
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> InitCluster:
    cluster = provide_cluster(monkeypatch, tmp_path)
    for pod in PODS:
        cluster.add_server(pod)
    return cluster


def blank_inputs(vault: ScriptedVault, **changed: object) -> dict[str, object]:
    """The quorum's inputs, if every pod is blank."""
    for pod in PODS:
        call = f"GET /{pod}{SEAL_STATUS.removeprefix('GET ')}"
        vault.answers(call, seal_status("awskms", initialized=False, sealed=True))
    return quorum_inputs(f"{vault.address}/{{pod}}", **changed)


def test_blank_pods_are_a_change_and_an_error(
    vault: ScriptedVault, capfd: pytest.CaptureFixture[str]
) -> None:
    props = blank_inputs(vault)

    assert RaftQuorumProvider().diff("id", props, props).changes
    said = capfd.readouterr()
    assert LOST in said.out + said.err

    with pytest.raises(DeploymentError, match=r"components restore FILE --really STACK") as error:
        RaftQuorumProvider().update("id", props, props)
    assert LOST in str(error.value)
    assert {request.call.split(" ")[0] for request in vault.requests} == {"GET"}


def test_file_storage_has_no_labels(vault: ScriptedVault, cluster: InitCluster) -> None:
    props = blank_inputs(vault, storage="file", replicas=1)
    assert not RaftQuorumProvider().diff("id", props, props).changes
    assert cluster.objects.calls == []


def test_a_cluster_that_can_not_be_asked_is_told(
    vault: ScriptedVault, cluster: InitCluster, capfd: pytest.CaptureFixture[str]
) -> None:
    cluster.objects.fail("get pods", "pods is forbidden")
    props = blank_inputs(vault)

    assert not RaftQuorumProvider().diff("id", props, props).changes
    said = capfd.readouterr()
    assert "Whether Vault still has its data can't be seen" in said.out + said.err
    assert "pods is forbidden" in said.out + said.err
