"""A Vault whose volumes are lost: each run says so, and an update fails at once."""

from pathlib import Path

import pytest

from components.errors import DeploymentError
from components.raft_quorum import RaftQuorumProvider
from tests.unit.fakes.init_inputs import InitCluster, provide_cluster, quorum_inputs
from tests.unit.fakes.scripted_vault import SEAL_STATUS, ScriptedVault, seal_status

LOST = "All of Vault's data is lost. vault-0 answered that nothing is on their volumes"


@pytest.fixture(autouse=True)
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> InitCluster:
    """A cluster whose one pod isn't ready."""
    return provide_cluster(monkeypatch, tmp_path)


def test_blank_pods_are_a_change_and_an_error(
    vault: ScriptedVault, capfd: pytest.CaptureFixture[str]
) -> None:
    vault.answers(SEAL_STATUS, seal_status("awskms", initialized=False, sealed=True))
    props = quorum_inputs(vault.address, replicas=1)

    assert RaftQuorumProvider().diff("id", props, props).changes
    said = capfd.readouterr()
    assert LOST in said.out + said.err

    with pytest.raises(DeploymentError, match="components restore FILE") as error:
        RaftQuorumProvider().update("id", props, props)
    assert LOST in str(error.value)
    assert {request.call for request in vault.requests} == {SEAL_STATUS}


def test_sealed_pods_are_neither(vault: ScriptedVault, capfd: pytest.CaptureFixture[str]) -> None:
    vault.answers(SEAL_STATUS, seal_status("awskms", initialized=True, sealed=True))
    props = quorum_inputs(vault.address, replicas=1)

    assert not RaftQuorumProvider().diff("id", props, props).changes
    said = capfd.readouterr()
    assert said.out + said.err == ""


def test_cluster_that_can_not_be_asked_is_told(
    vault: ScriptedVault, cluster: InitCluster, capfd: pytest.CaptureFixture[str]
) -> None:
    cluster.objects.fail("get statefulset", "statefulsets is forbidden")
    props = quorum_inputs(vault.address, replicas=1)

    assert not RaftQuorumProvider().diff("id", props, props).changes
    said = capfd.readouterr()
    assert "Whether Vault's volumes are lost can't be seen" in said.out + said.err
    assert "statefulsets is forbidden" in said.out + said.err
