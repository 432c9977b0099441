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


def dns(endpoint: str = "gke-1.europe-west3.gke.goog", *, external: bool = True) -> Mapping[str, Any]:
    config = {"endpoint": endpoint, "allowExternalTraffic": external}
    return {"controlPlaneEndpointsConfigs": [{"dnsEndpointConfigs": [config]}]}


PRIVATE = {"privateClusterConfigs": [{"enablePrivateEndpoint": True}]}


@pytest.mark.parametrize(
    "told", [{"endpoint": "", **dns()}, {"masterAuths": [], **dns()}, {**PRIVATE, **dns()}]
)
def test_a_cluster_that_is_reached_by_its_dns_name(told: Mapping[str, Any]) -> None:
    cluster, _ = looked_up({**CLUSTER, **told})
    (entry,) = json.loads(cluster.kubeconfig())["clusters"]
    # Google's own certificate: publicly trusted.
    assert entry["cluster"] == {"server": "https://gke-1.europe-west3.gke.goog"}


@pytest.mark.parametrize("told", [dns(), {**PRIVATE, **dns(external=False)}, {**PRIVATE, **dns("")}, PRIVATE])
def test_a_cluster_that_is_reached_by_its_address(told: Mapping[str, Any]) -> None:
    cluster, _ = looked_up({**CLUSTER, **told})
    assert (cluster.endpoint, cluster.certificate_authority) == ("https://203.0.113.7", "Q0E=")


def test_a_cluster_that_has_no_address_is_reached_through_a_context() -> None:
    cluster, _ = looked_up({**CLUSTER, "endpoint": ""}, {"kubeContext": "here"})
    assert cluster.endpoint == ""


WITHOUT_METADATA = {"nodePools": [{"name": "small", "nodeConfigs": [{"workloadMetadataConfigs": []}]}]}


def test_nodes_on_which_pods_are_the_node() -> None:
    with pytest.raises(
        DeploymentError, match=r"No node pool of GKE cluster 'prod' has Workload Identity \(small"
    ):
        looked_up({**CLUSTER, **WITHOUT_METADATA})
    looked_up({**CLUSTER, **WITHOUT_METADATA}, KEY_FILE)


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
        ({**CLUSTER, "endpoint": "", **dns(external=False)}, "--enable-dns-access"),
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


def test_kubectl_is_the_account_that_the_provider_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/ci/key.json")
    for told, arguments in (({}, ["--use_application_default_credentials"]), ({**PRIVATE, **dns()}, None)):
        cluster, _ = looked_up({**CLUSTER, **told})
        (user,) = json.loads(cluster.kubeconfig())["users"]
        assert user["user"]["exec"].get("args") == arguments


def test_kubeconfig_asks_for_a_token_at_each_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
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
    assert "args" not in command
    (context,) = kubeconfig["contexts"]
    assert kubeconfig["current-context"] == context["name"] == "prod"
    assert context["context"] == {"cluster": "prod", "user": "prod"}
