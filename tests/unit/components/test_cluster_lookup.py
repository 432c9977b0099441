"""Which cluster is looked up, and what it has to have."""

from collections.abc import Mapping
from typing import Any

import pytest

from components.aws.provider_settings import AwsProviderSettings
from components.cluster_lookup import look_up_cluster
from components.google.cluster import GkeClusterNeeds
from components.google.node_pools import METADATA_LABEL
from tests.unit.fakes.stack_settings import EKS, GKE, NODE_GROUP, SHAMIR, parse


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """The cloud and the arguments of each look-up."""
    calls: list[tuple[Any, ...]] = []

    def recorder(cloud: str) -> Any:
        return lambda *args, **options: calls.append((cloud, *args, options))

    monkeypatch.setattr("components.aws.cluster.look_up_eks_cluster", recorder("aws"))
    monkeypatch.setattr("components.google.cluster.look_up_gke_cluster", recorder("google"))
    return calls


def test_cluster_of_no_cloud_is_not_looked_up(looked_up: list[tuple[Any, ...]]) -> None:
    assert look_up_cluster(parse(SHAMIR)) is None
    assert looked_up == []


@pytest.mark.parametrize(
    ("more", "provider", "agent"),
    [
        ({}, True, False),
        ({"seal": "shamir"}, False, False),
        ({"seal": "shamir", "snapshots": {"schedule": "@daily", "bucket": "acme"}}, True, False),
        ({"seal": "shamir", "snapshots": {"schedule": "@daily", "volume": {"claim": "a"}}}, False, False),
        ({"identity": {"kind": "pod-identity"}}, False, True),
    ],
)
def test_what_gives_pods_their_identity_is_needed_by_the_seal_of_aws(
    looked_up: list[tuple[Any, ...]], more: Mapping[str, Any], provider: bool, agent: bool
) -> None:
    look_up_cluster(parse({**EKS, **more}))
    options = {
        "needs_oidc_provider": provider,
        "needs_pod_identity_agent": agent,
        "node_security_group_ids": (NODE_GROUP,),
        "provider_settings": AwsProviderSettings(),
    }
    assert looked_up == [("aws", "example", "eu-central-1", options)]


@pytest.mark.parametrize(
    ("more", "needed"), [({}, True), ({"seal": "shamir"}, False), ({"identity": {"kind": "key-file"}}, False)]
)
def test_workload_identity_is_needed_by_the_seal_of_google(
    looked_up: list[tuple[Any, ...]], more: Mapping[str, Any], needed: bool
) -> None:
    look_up_cluster(parse({**GKE, **more}))
    needs = GkeClusterNeeds(endpoint=True, workload_identity=needed, placed=False)
    assert looked_up == [("google", "prod", "europe-west3", "acme-prod", needs, {})]


LABELLED = {"key": METADATA_LABEL, "operator": "In", "values": ["true"]}
NODE_TERMS = {"nodeSelectorTerms": [{"matchExpressions": [LABELLED]}]}


@pytest.mark.parametrize(
    "placement",
    [
        {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": NODE_TERMS}}},
        {"nodeSelector": {METADATA_LABEL: True}},
        {"chart": {"values": {"server": {"nodeSelector": {METADATA_LABEL: "true"}}}}},
        {"chart": {"values": {"server": {"affinity": f"nodeAffinity: {{key: {METADATA_LABEL}}}"}}}},
    ],
)
def test_connection_and_placement_on_gke(
    looked_up: list[tuple[Any, ...]], placement: Mapping[str, Any]
) -> None:
    look_up_cluster(parse({**GKE, "kubeContext": "here", **placement}))
    (call,) = looked_up
    assert call[4] == GkeClusterNeeds(endpoint=False, workload_identity=True, placed=True)


def test_placement_of_the_injector_says_nothing_of_vault(looked_up: list[tuple[Any, ...]]) -> None:
    values = {"injector": {"nodeSelector": {METADATA_LABEL: "true"}}}
    look_up_cluster(parse({**GKE, "chart": {"values": values}}))
    assert [call[4].placed for call in looked_up] == [False]


def test_identity_is_needed_by_the_seal_that_vault_leaves(looked_up: list[tuple[Any, ...]]) -> None:
    look_up_cluster(parse({**EKS, "seal": "shamir", "migrateFrom": {"seal": "awskms"}}))
    assert [call[-1]["needs_oidc_provider"] for call in looked_up] == [True]
