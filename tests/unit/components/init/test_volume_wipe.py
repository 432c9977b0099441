"""What proves that a Vault is empty, to the second, and how its volumes go."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from components.errors import DeploymentError
from components.init.volume_wipe import (
    NotProvablyEmptyError,
    require_initialized_by,
    wipe_volumes,
)
from components.vault.client import INIT_SECONDS
from components.vault.messages import INITIALIZED_LINE
from tests.unit.fakes.init_inputs import InitCluster, access, provide_kubectl

BEGAN = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
APART = 60
"""How far the clocks may be apart, in seconds."""


def line(seconds: int, *, zone: str = "Z") -> str:
    moment = (BEGAN + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.987654321")
    return f"{moment}{zone} [INFO]  core: {INITIALIZED_LINE}: stored=1 shares=1 threshold=1"


@pytest.mark.parametrize("seconds", [-APART, 0, 1, INIT_SECONDS, INIT_SECONDS + APART])
def test_init_within_the_run_is_that_runs(cluster: InitCluster, seconds: int) -> None:
    cluster.logs("2026-03-01T11:00:00.1Z ==> Vault server started!", line(seconds), line(0)[:30])
    require_initialized_by(access(), BEGAN)


@pytest.mark.parametrize("seconds", [-86400, -APART - 1, INIT_SECONDS + APART + 1, 86400])
def test_init_at_another_time_is_somebody_elses(cluster: InitCluster, seconds: int) -> None:
    cluster.logs(line(seconds))
    with pytest.raises(NotProvablyEmptyError, match="somebody else initialised it"):
        require_initialized_by(access(), BEGAN)


def test_time_of_the_log_may_be_of_another_zone(cluster: InitCluster) -> None:
    cluster.logs(line(3600, zone="+01:00"))
    require_initialized_by(access(), BEGAN)


def test_times_with_an_offset_are_compared_as_moments(cluster: InitCluster) -> None:
    cluster.logs(line(0, zone="+01:00"))
    with pytest.raises(NotProvablyEmptyError):
        require_initialized_by(access(), BEGAN)


@pytest.mark.parametrize("count", [0, 2])
def test_log_that_does_not_tell_proves_nothing(cluster: InitCluster, count: int) -> None:
    cluster.logs(*[line(0)] * count)
    with pytest.raises(NotProvablyEmptyError, match="the pod was restarted since"):
        require_initialized_by(access(), BEGAN)


def test_log_that_cannot_be_read_proves_nothing(cluster: InitCluster) -> None:
    cluster.fail_logs('container "vault" is not found')
    with pytest.raises(NotProvablyEmptyError, match='container "vault" is not found'):
        require_initialized_by(access(), BEGAN)


def test_claims_go_before_the_pods_that_hold_them(cluster: InitCluster) -> None:
    wipe_volumes(access(), 2)
    assert [deletion.split(" --")[0] for deletion in cluster.deletions] == [
        "delete pvc/data-vault-0 pvc/data-vault-1",
        "delete pod/vault-0 pod/vault-1",
    ]
    claims, pods = cluster.deletions
    # A claim that is waited for would wait for its pod.
    assert "--wait=false" in claims
    assert "--wait=true" in pods


def test_deletion_that_is_refused_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    provide_kubectl(monkeypatch, tmp_path, "echo 'pvc is forbidden' >&2; exit 1")
    with pytest.raises(DeploymentError) as raised:
        wipe_volumes(access(), 1)
    assert "The volumes of the empty Vault couldn't be deleted: pvc is forbidden" in str(raised.value)
    assert "Run pulumi up again" in str(raised.value)
