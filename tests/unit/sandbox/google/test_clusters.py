import pytest

from sandbox.google.project import CLUSTER_PATH, ClusterFacts
from tests.unit.sandbox.google.google_clock import OWNER, PROJECT, Parts

GROUPS = f"/compute/beta/{PROJECT}/zones/europe-west3-a/instanceGroupManagers"
VIEWER = "user:viewer@example.com"


@pytest.fixture(autouse=True)
def cluster(parts: Parts) -> None:
    """The cluster is there, and somebody may look at it and at nothing else."""
    parts.clusters.facts = ClusterFacts("10.0.0.1:6443", "Q0E=")
    parts.policies.grant(PROJECT, "roles/container.clusterViewer", VIEWER)


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_a_cluster_has_what_google_always_sends(parts: Parts, version: str) -> None:
    found = parts.call("GET", f"/{version}/{CLUSTER_PATH}", member=VIEWER)
    # Google's provider stops with a panic without the first, and takes the others from there.
    assert found["legacyAbac"] == {}
    assert found["networkConfig"]["defaultEnablePrivateNodes"] is True
    assert found["controlPlaneEndpointsConfig"]["ipEndpointsConfig"]["publicEndpoint"] == "10.0.0.1"
    assert found["selfLink"] == f"https://container.googleapis.com/{version}/{CLUSTER_PATH}"


def test_the_groups_of_its_pools_take_a_permission_of_their_own(parts: Parts) -> None:
    (pool,) = parts.call("GET", CLUSTER_PATH, member=OWNER)["nodePools"]
    (url,) = pool["instanceGroupUrls"]
    (group,) = parts.call("GET", GROUPS)["items"]
    assert group["selfLink"].partition("/projects/")[2] == url.partition("/projects/")[2]
    assert parts.call("GET", GROUPS.replace("europe-west3-a", "europe-west3-b")).keys() == {
        "kind",
        "selfLink",
    }
    assert parts.error_of("GET", GROUPS, member=VIEWER) == (
        "PERMISSION_DENIED: Required 'compute.instanceGroupManagers.list' permission for "
        "'projects/sandbox-project/zones/europe-west3-a'"
    )
    parts.policies.grant(PROJECT, "roles/compute.viewer", VIEWER)
    assert parts.call("GET", GROUPS, member=VIEWER)["items"] == [group]
