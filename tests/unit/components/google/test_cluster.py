"""The GKE cluster as it is looked up, and the kubeconfig that is made from it."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from components.cluster_lookup import look_up_cluster
from components.errors import DeploymentError
from components.google.cluster import GkeCluster, network_project
from tests.unit.fakes.mocked_google import (
    CLUSTER,
    GET_CLUSTER,
    LOCATION,
    NETWORK,
    PROJECT,
    PROVIDER,
    PUBLIC_CLUSTER,
    WORKLOAD_POOL,
    api_off,
)
from tests.unit.fakes.recorded_deployment import NOT_FOUND, Answer, Deployment, deploy
from tests.unit.fakes.stack_settings import GKE, parse

KEY_FILE = {"identity": {"kind": "key-file"}}


def looked_up(
    answer: Answer = CLUSTER, settings: Mapping[str, Any] | None = None
) -> tuple[GkeCluster, Deployment]:
    found = []

    def program() -> None:
        cluster = look_up_cluster(parse({**GKE, **(settings or {})}))
        assert isinstance(cluster, GkeCluster)
        found.append(cluster)

    deployment = deploy({}, answers={GET_CLUSTER: answer}, outputs=lambda _: {}, program=program)
    return found[0], deployment


def test_what_is_told_of_a_cluster() -> None:
    cluster, deployment = looked_up()
    assert cluster.endpoint == "https://203.0.113.7"
    assert cluster.certificate_authority == "Q0E="
    assert cluster.workload_pool == WORKLOAD_POOL
    assert (cluster.master_cidr, cluster.private_nodes) == ("172.16.0.0/28", True)
    assert cluster.network == NETWORK
    assert cluster.path == f"projects/{PROJECT}/locations/{LOCATION}/clusters/prod"
    assert cluster.identity == f"gke:{PROJECT}:{LOCATION}:prod"
    assert cluster.token_command[0] == "gke-gcloud-auth-plugin"
    (call,) = deployment.calls
    assert call.args == {"name": "prod", "location": LOCATION, "project": PROJECT}
    assert call.provider.startswith(deployment.only(PROVIDER).urn)
    assert deployment.only(PROVIDER).inputs == {"project": PROJECT, "addPulumiAttributionLabel": "false"}


def test_a_public_cluster() -> None:
    cluster, _ = looked_up(PUBLIC_CLUSTER)
    assert (cluster.master_cidr, cluster.private_nodes) == ("", False)


@pytest.mark.parametrize(
    ("told", "network", "project"),
    [
        (
            "https://www.googleapis.com/compute/v1/projects/host/global/networks/shared",
            "projects/host/global/networks/shared",
            "host",
        ),
        ("projects/host/global/networks/shared", "projects/host/global/networks/shared", "host"),
        ("shared", f"projects/{PROJECT}/global/networks/shared", PROJECT),
    ],
)
def test_the_network_may_be_another_projects(told: str, network: str, project: str) -> None:
    cluster, _ = looked_up({**CLUSTER, "network": told})
    assert cluster.network == network
    assert network_project(cluster.network) == project


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (
            NOT_FOUND,
            r"'prod' can't be read in europe-west3 of project acme-prod: (.|\n)*"
            r"container\.clusters\.get and compute\.instanceGroupManagers\.list",
        ),
        (api_off("container.googleapis.com"), r"the API container\.googleapis\.com is off"),
        ({**CLUSTER, "endpoint": ""}, "has no address yet"),
        ({**CLUSTER, "workloadIdentityConfigs": []}, r"no Workload Identity(.|\n)*--workload-pool=acme-prod"),
    ],
)
def test_a_cluster_that_can_not_be_used(answer: Answer, told: str) -> None:
    with pytest.raises(DeploymentError, match=f"(?s){told}"):
        looked_up(answer)


@pytest.mark.parametrize("settings", [KEY_FILE, {"seal": "shamir"}])
def test_only_the_default_identity_needs_workload_identity(settings: Mapping[str, Any]) -> None:
    cluster, _ = looked_up({**CLUSTER, "workloadIdentityConfigs": []}, settings)
    assert cluster.workload_pool is None


def test_kubeconfig_asks_for_a_token_at_each_use() -> None:
    cluster, _ = looked_up()
    kubeconfig = json.loads(cluster.kubeconfig())
    assert json.loads(cluster.kubeconfig()) == kubeconfig
    (entry,) = kubeconfig["clusters"]
    assert entry["cluster"] == {"server": "https://203.0.113.7", "certificate-authority-data": "Q0E="}
    (user,) = kubeconfig["users"]
    assert user["user"].keys() == {"exec"}
    command = user["user"]["exec"]
    assert command["apiVersion"] == "client.authentication.k8s.io/v1beta1"
    assert command["command"] == "gke-gcloud-auth-plugin"
    assert command["provideClusterInfo"] is True
    (context,) = kubeconfig["contexts"]
    assert kubeconfig["current-context"] == context["name"] == "prod"
    assert context["context"] == {"cluster": "prod", "user": "prod"}
