"""Whether a snapshot may be restored into a new Vault; the restore itself is tried on real servers."""

from pathlib import Path

import pytest

from components.errors import DeploymentError
from components.snapshots.blank_vault import is_blank
from tests.unit.fakes.init_inputs import InitCluster
from tests.unit.fakes.scripted_vault import SEAL_STATUS, Answer, seal_status
from tests.unit.fakes.three_pods import each_pod_answers, provide_three_pods

SERVES = seal_status(initialized=True, sealed=False, cluster_id="0a1b")
BLANK = seal_status()


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> InitCluster:
    """Three pods with claims."""
    return provide_three_pods(monkeypatch, tmp_path / "cluster")


def blank(monkeypatch: pytest.MonkeyPatch, *statuses: Answer | None) -> bool:
    """Whether three pods are blank that answer that, in their order; None doesn't answer."""
    pods = [{SEAL_STATUS: status} if status is not None else None for status in statuses]
    return is_blank(each_pod_answers(monkeypatch, *pods), 3, start_seconds=0)


@pytest.mark.usefixtures("cluster")
def test_all_have_to_be_blank(monkeypatch: pytest.MonkeyPatch) -> None:
    assert blank(monkeypatch, BLANK, BLANK, BLANK)
    assert not blank(monkeypatch, BLANK, BLANK, SERVES)
    with pytest.raises(DeploymentError, match="vault-2: no route"):
        blank(monkeypatch, BLANK, BLANK, None)


def test_blank_pod_of_another_version_takes_no_snapshot(
    cluster: InitCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.add_server("vault-1", revision="old")
    with pytest.raises(DeploymentError, match=r"vault-1 has settings from before .*delete pod vault-1"):
        blank(monkeypatch, BLANK, BLANK, BLANK)
    # One that has data is restored into, whatever its settings.
    assert not blank(monkeypatch, SERVES, BLANK, BLANK)


def test_blank_pod_that_is_leaving_is_waited_for(
    cluster: InitCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = {"labels": {"controller-revision-hash": "new"}, "deletionTimestamp": "2026-01-01T00:00:00Z"}
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data-vault-1"}}]
    cluster.objects.put("pod", "vault-1", metadata=left, spec={"volumes": volumes})
    with pytest.raises(DeploymentError, match="vault-1 is being deleted"):
        blank(monkeypatch, BLANK, BLANK, BLANK)
