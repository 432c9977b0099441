"""The settings of Google Cloud, of the mode, and of a migration of the seal."""

from collections.abc import Mapping
from typing import Any

import pytest

from components.seals import shamir
from components.settings import ClusterSettings, WebhookFirewallSettings
from tests.unit.fakes.stack_settings import EKS, GKE, NODE_GROUP, PROJECT, SHAMIR, parse, problems

EKS_ALONE = {"clusterName": "example", "region": "eu-central-1"}


def test_groups_of_the_nodes_on_eks() -> None:
    assert parse(EKS_ALONE).node_security_group_ids == ()
    assert parse(EKS).node_security_group_ids == (NODE_GROUP,)
    groups = ["sg-11111111", NODE_GROUP]
    assert parse({**EKS_ALONE, "nodeSecurityGroupIds": groups}).node_security_group_ids == tuple(groups)


@pytest.mark.parametrize("base", [EKS_ALONE, GKE])
def test_rule_of_the_webhook_can_be_somebody_elses(base: Mapping[str, Any]) -> None:
    assert parse(base).webhook_rule
    assert not parse({**base, "webhookRule": False}).webhook_rule


def test_project_means_google_cloud_and_its_seal() -> None:
    settings = parse(GKE)
    assert settings.seal.type == "gcpckms"
    assert settings.cluster == ClusterSettings(name="prod", project="acme-prod", location="europe-west3")
    assert settings.project == "acme-prod"
    assert settings.enable_apis
    assert settings.webhook_firewall == WebhookFirewallSettings(control_plane_cidr=None, node_tags=())


def test_google_seal_on_any_cluster() -> None:
    settings = parse({"project": "acme-prod", "kubeContext": "kind-vault", "enableApis": False})
    assert (settings.seal.type, settings.cluster, settings.enable_apis) == ("gcpckms", None, False)


def test_webhook_firewall() -> None:
    firewall = {"controlPlaneCidr": "172.16.0.0/28", "nodeTags": ["gke-prod-node"]}
    assert parse({**GKE, "webhookFirewall": firewall}).webhook_firewall == WebhookFirewallSettings(
        control_plane_cidr="172.16.0.0/28", node_tags=("gke-prod-node",)
    )


@pytest.mark.parametrize(
    ("configuration", "problem"),
    [
        (
            {"seal": "gcpckms", "kubeContext": "here"},
            "project is not set: give the id of the Google Cloud project",
        ),
        ({**GKE, "project": "Acme"}, 'project is "Acme": give the id of'),
        ({**GKE, "location": "Frankfurt"}, "give the region or zone of the GKE cluster"),
        ({"project": "acme-prod", "clusterName": "prod"}, "location is not set: give the region or zone"),
        ({**GKE, "region": "eu-central-1"}, "it belongs to AWS, and this stack is on Google Cloud"),
        ({**EKS, "location": "europe-west3"}, "it belongs to Google Cloud, and project isn't set"),
        ({**EKS, "enableApis": True}, "it belongs to Google Cloud, and project isn't set"),
        ({**GKE, "nodeSecurityGroupIds": [NODE_GROUP]}, "it belongs to AWS"),
        ({**SHAMIR, "nodeSecurityGroupIds": [NODE_GROUP]}, "it belongs to an EKS cluster"),
        ({**SHAMIR, "webhookRule": False}, "it belongs to an EKS cluster"),
        ({"project": "acme-prod", "kubeContext": "a", "webhookRule": False}, "it belongs to a GKE cluster"),
        ({**EKS_ALONE, "nodeSecurityGroupIds": NODE_GROUP}, "give security groups of the nodes (sg-...), as"),
        ({**EKS_ALONE, "nodeSecurityGroupIds": ["nodes"]}, "entry 'nodes': give security groups"),
        ({**EKS_ALONE, "nodeSecurityGroupIds": [NODE_GROUP] * 2}, "name each group once"),
        ({**EKS, "nodeSecurityGroupIds": [NODE_GROUP]}, "nodeSecurityGroupIds takes its place"),
        ({**EKS, "webhookRule": False}, "webhookRule is false, so the stack creates no rule; remove it"),
        (
            {**EKS_ALONE, "webhookRule": False, "nodeSecurityGroupIds": [NODE_GROUP]},
            "webhookRule is false, so the stack creates no rule; remove it",
        ),
        ({**GKE, "webhookRule": False, "webhookFirewall": {}}, "webhookRule is false, so the stack creates"),
        ({**GKE, "tags": {"Team": "a"}}, "Google's labels have a-z"),
        ({**GKE, "tags": {"team": "A"}}, "Google's labels have a-z"),
        ({**GKE, "webhookFirewall": {"nodeTags": ["Node"]}}, "entry 'Node': use a-z, 0-9 and dashes"),
        ({**GKE, "webhookFirewall": {"controlPlaneCidr": "here"}}, "give the control plane's IPv4 range"),
        (
            {**GKE, "webhookFirewall": {"controlPlaneCidr": "172.16.0.300/28"}},
            "give the control plane's IPv4 range",
        ),
        (
            {**GKE, "webhookFirewall": {"controlPlaneCidr": "172.16.0.1/28"}},
            "give the control plane's IPv4 range",
        ),
        (
            {**GKE, "webhookFirewall": {"controlPlaneCidr": "172.16.0.0/40"}},
            "give the control plane's IPv4 range",
        ),
        (
            {**GKE, "webhookFirewall": {"controlPlaneCidr": "0.0.0.0/0"}},
            "give the control plane's IPv4 range",
        ),
        (
            {**GKE, "seal": "shamir", "identity": {"kind": "secret"}},
            "it belongs to seal awskms or gcpckms, and the seal is shamir",
        ),
        ({**SHAMIR, "mode": "cluster"}, "use ha or standalone"),
        ({**SHAMIR, "storageMigratedTo": "ha"}, "use raft or file"),
        ({**SHAMIR, "mode": "standalone", "replicas": 3}, "standalone is one pod"),
        ({**SHAMIR, "mode": "standalone", "raft": {"retryJoin": "pod-names"}}, "mode standalone has no raft"),
        ({**EKS, "migrateFrom": {}}, "migrateFrom.seal is not set: name the seal that Vault leaves"),
        ({**EKS, "migrateFrom": {"seal": "awskms"}}, "name the seal that Vault leaves"),
        ({**EKS, "migrateFrom": {"seal": "gcpckms"}}, "it belongs to another cloud than this stack"),
        ({**GKE, "migrateFrom": {"seal": "awskms"}}, "it belongs to another cloud than this stack"),
        ({**SHAMIR, "migrateFrom": {"seal": "awskms"}}, "it belongs to another cloud than this stack"),
        (
            {**EKS, "migrateFrom": {"seal": "shamir", "key": {}}},
            "migrateFrom.key is {}: there is no such setting",
        ),
    ],
)
def test_wrong_setting_is_named_with_its_fix(configuration: Mapping[str, Any], problem: str) -> None:
    assert any(problem in found for found in problems(configuration)), problems(configuration)


def test_one_mistake_is_one_problem() -> None:
    (problem,) = problems({"seal": "gcpckms", "kubeContext": "here"})
    assert problem.startswith(f"{PROJECT}:project is not set")


def test_mode_decides_storage_and_replicas() -> None:
    highly_available, standalone = parse(SHAMIR), parse({**SHAMIR, "mode": "standalone"})
    assert (highly_available.storage, highly_available.replicas) == ("raft", 3)
    assert (standalone.storage, standalone.replicas) == ("file", 1)


def test_seal_that_vault_leaves() -> None:
    settings = parse({**EKS, "migrateFrom": {"seal": "shamir"}})
    assert settings.migrate_from == shamir.Seal()
    assert [seal.type for seal in settings.seals] == ["awskms", "shamir"]
    assert [seal.type for seal in parse(EKS).seals] == ["awskms"]


def test_seal_that_vault_leaves_keeps_its_settings() -> None:
    leaving = {"seal": "awskms", "key": {"alias": "alias/old"}}
    settings = parse({**EKS, "seal": "shamir", "migrateFrom": leaving})
    assert settings.seal == shamir.Seal()
    assert settings.migrate_from is not None
    assert settings.migrate_from.type == "awskms"
