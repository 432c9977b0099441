"""What Kubernetes and each pod tell of the StatefulSet's servers."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from components.kubernetes.kubectl import KubectlError
from components.vault.stateful_set import StatefulSetError, ask_servers, delete_pod, find_servers
from tests.unit.fakes.init_inputs import InitCluster, access, provide_cluster
from tests.unit.fakes.scripted_vault import SEAL_STATUS, ScriptedVault, seal_status

OLD = "2020-01-01T00:00:00Z"


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> InitCluster:
    """It has pod 0, with its claim."""
    return provide_cluster(monkeypatch, tmp_path)


def test_servers_are_found_by_pod_or_claim_in_order(cluster: InitCluster) -> None:
    for name in ("vault-10", "vault-2", "other-1", "vault-2-x"):
        cluster.add_server(name)
    cluster.objects.remove("pod", "vault-2")
    cluster.objects.remove("pvc", "data-vault-10")
    found = find_servers(access())
    assert [(server.name, bool(server.pod_uid), server.claim) for server in found] == [
        ("vault-0", True, "data-vault-0"),
        ("vault-2", False, "data-vault-2"),
        ("vault-10", True, ""),
    ]


def test_age_of_the_data_is_the_claims(cluster: InitCluster) -> None:
    cluster.add_server("vault-0", claim_since=OLD)
    (server,) = find_servers(access())
    assert server.data_since == datetime(2020, 1, 1, tzinfo=UTC)
    cluster.objects.put("pvc", "data-vault-0", status={"phase": "Pending"})
    (server,) = find_servers(access())
    assert server.data_since is None


@pytest.mark.parametrize(("revision", "outdated"), [("new", False), ("old", True)])
def test_revision_tells_the_template(cluster: InitCluster, revision: str, outdated: bool) -> None:
    cluster.add_server("vault-0", revision=revision)
    (server,) = find_servers(access())
    assert (server.outdated, server.terminating) == (outdated, False)


def test_pod_that_the_stateful_set_did_not_create_is_not_outdated(cluster: InitCluster) -> None:
    cluster.objects.put("pod", "vault-7")
    assert [server.outdated for server in find_servers(access())] == [False, False]


@pytest.mark.parametrize("observed", [1, 0])
def test_revision_counts_once_the_controller_has_seen_the_change(cluster: InitCluster, observed: int) -> None:
    cluster.set_template("new", generation=2, observed=observed)
    with pytest.raises(StatefulSetError, match="hasn't taken over"):
        find_servers(access())


def test_stateful_set_that_is_not_there(cluster: InitCluster) -> None:
    cluster.objects.remove("statefulset", "vault")
    with pytest.raises(StatefulSetError, match="is gone, and has left pods or volumes"):
        find_servers(access())
    cluster.objects.remove("pod", "vault-0")
    with pytest.raises(StatefulSetError, match="is gone"):
        find_servers(access())
    cluster.objects.remove("pvc", "data-vault-0")
    assert find_servers(access()) == []


def test_each_server_answers_for_itself(cluster: InitCluster, vault: ScriptedVault) -> None:
    cluster.add_server("vault-1")
    cluster.add_server("vault-2")
    cluster.objects.remove("pod", "vault-2")
    path = SEAL_STATUS.removeprefix("GET ")
    vault.answers(f"GET /vault-0{path}", seal_status())
    vault.answers(f"GET /vault-1{path}", seal_status(initialized=True))
    pods = access(f"{vault.address}/{{pod}}")
    observed = ask_servers(pods, find_servers(pods))
    assert [(one.initialized, one.uninitialized, one.problem) for one in observed] == [
        (False, True, ""),
        (True, False, ""),
        (False, False, "there is no such pod"),
    ]


def test_no_servers_are_asked_nothing() -> None:
    assert ask_servers(access(), []) == []


def test_only_the_pod_that_was_seen_is_deleted(cluster: InitCluster) -> None:
    (server,) = find_servers(access())
    cluster.objects.put("pod", "vault-0", metadata={"uid": "of the next pod"})
    with pytest.raises(KubectlError, match="Conflict"):
        delete_pod(access(), server)
    (server,) = find_servers(access())
    delete_pod(access(), server)
    assert cluster.deleted_pods == ["vault-0"]
    assert cluster.objects.names("pvc") == ["data-vault-0"]
