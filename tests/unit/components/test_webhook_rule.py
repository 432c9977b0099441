"""The rule for the webhook on either cloud, as the engine is asked for it."""

from collections.abc import Mapping
from typing import Any

import pulumi
import pytest

from components.cluster_lookup import look_up_cluster
from components.webhook_rule import open_webhook
from tests.unit.fakes import mocked_account
from tests.unit.fakes.mocked_google import (
    CLUSTER,
    FIREWALL,
    GET_CLUSTER,
    NETWORK,
    PROJECT,
    PROVIDER,
    PUBLIC_CLUSTER,
)
from tests.unit.fakes.recorded_deployment import Answer, Deployment, deploy
from tests.unit.fakes.recorded_state import urn
from tests.unit.fakes.stack_settings import EKS, GKE, NODE_GROUP, SHAMIR, parse


def opened(
    answer: Answer = CLUSTER, base: Mapping[str, Any] = GKE, **settings: Any
) -> tuple[Deployment, int]:
    """The deployment, and of how many resources it has to wait."""
    prerequisites: list[pulumi.Resource] = []

    def program() -> None:
        parsed = parse({**base, **settings})
        webhook = open_webhook(parsed, look_up_cluster(parsed))
        prerequisites.extend(webhook.prerequisites)
        for name, output in webhook.outputs.items():
            pulumi.export(name, output)

    answers = {**mocked_account.ANSWERS, GET_CLUSTER: answer}
    deployment = deploy({}, answers=answers, outputs=mocked_account.computed, program=program)
    return deployment, len(prerequisites)


def test_a_private_control_plane_is_let_in() -> None:
    deployment, prerequisites = opened(injector={"port": 9443})
    rule = deployment.only(FIREWALL)
    assert rule.inputs["sourceRanges"] == ["172.16.0.0/28"]
    assert rule.inputs["allows"] == [{"protocol": "tcp", "ports": ["9443"]}]
    assert rule.inputs["direction"] == "INGRESS"
    assert (rule.inputs["network"], rule.inputs["project"]) == (NETWORK, PROJECT)
    assert "targetTags" not in rule.inputs
    assert rule.provider.startswith(deployment.only(PROVIDER).urn)
    assert prerequisites == 1
    assert deployment.outputs == {"firewall_rule": rule.inputs["name"]}


def test_the_settings_come_before_what_gke_tells() -> None:
    deployment, _ = opened(
        PUBLIC_CLUSTER, webhookFirewall={"controlPlaneCidr": "10.9.0.0/28", "nodeTags": ["vault-nodes"]}
    )
    rule = deployment.only(FIREWALL)
    assert rule.inputs["sourceRanges"] == ["10.9.0.0/28"]
    assert rule.inputs["targetTags"] == ["vault-nodes"]


def test_the_rule_of_a_shared_network_is_the_host_projects() -> None:
    deployment, _ = opened({**CLUSTER, "network": "projects/acme-host/global/networks/shared"})
    rule = deployment.only(FIREWALL)
    assert rule.inputs["project"] == "acme-host"
    assert rule.inputs["network"] == "projects/acme-host/global/networks/shared"


def test_each_cluster_and_release_has_a_rule_of_its_own() -> None:
    other_places: list[Mapping[str, Any]] = [{}, {"location": "europe-west4"}, {"namespace": "vault-2"}]
    names = [opened(**place)[0].only(FIREWALL).inputs["name"] for place in other_places]
    assert len(set(names)) == 3
    longest, _ = opened(clusterName="c" * 40)
    assert len(longest.only(FIREWALL).inputs["name"]) == 63


PRIVATE_WITHOUT_RANGE = {**CLUSTER, "privateClusterConfigs": [{"enablePrivateNodes": True}]}


@pytest.mark.parametrize(
    ("answer", "settings", "why"),
    [
        (PUBLIC_CLUSTER, {}, "the cluster isn't private"),
        (PRIVATE_WITHOUT_RANGE, {}, "GKE names no address range of its control plane"),
        (CLUSTER, {"injector": {"enabled": False}}, "the injector is off"),
        (CLUSTER, {"webhookRule": False}, "webhookRule is false. See to it that TCP 8080 is open"),
    ],
)
def test_no_rule_where_none_is_needed_and_the_log_says_why(
    answer: Answer, settings: Mapping[str, Any], why: str
) -> None:
    deployment, prerequisites = opened(answer, **settings)
    assert deployment.of_type(FIREWALL) == []
    assert (prerequisites, deployment.outputs) == (0, {})
    assert [line for line in deployment.log if why in line]


EKS_ALONE = {name: value for name, value in EKS.items() if name != "nodeSecurityGroupId"}


def test_every_group_but_the_clusters_own_gets_a_rule() -> None:
    groups = [mocked_account.CONTROL_PLANE_GROUP, NODE_GROUP, "sg-0dddddddddddddddd"]
    deployment, prerequisites = opened(base=EKS_ALONE, nodeSecurityGroupIds=groups)
    rules = deployment.of_type(mocked_account.RULE)
    # The engine registers them side by side.
    assert sorted(rule.inputs["securityGroupId"] for rule in rules) == groups[1:]
    assert (prerequisites, deployment.outputs) == (1, {"ingress_rule_ids": ["sgr-0cccccccccccccccc"] * 2})
    assert [line for line in deployment.log if "in sg-0aaaaaaaaaaaaaaaa, the cluster's own" in line]


@pytest.mark.parametrize(("recorded", "rules"), [({}, 0), ({"securityGroupRuleId": "sgr-1"}, 1)])
def test_rule_that_is_there_is_the_stacks_if_its_state_records_it(
    monkeypatch: pytest.MonkeyPatch, recorded: Mapping[str, Any], rules: int
) -> None:
    outputs = {"securityGroupId": NODE_GROUP, **recorded}
    rule = {"type": mocked_account.RULE, "name": "webhook-ingress", "outputs": outputs}
    state = {"outputs": {urn(rule): rule}}
    answers = {
        mocked_account.GET_STATE: state if recorded else {"outputs": {}},
        mocked_account.GET_RULES: {"ids": ["sgr-1"]},
        mocked_account.GET_RULE: {
            **{"isEgress": False, "ipProtocol": "tcp", "fromPort": 8080, "toPort": 8080},
            "referencedSecurityGroupId": mocked_account.CONTROL_PLANE_GROUP,
        },
    }
    monkeypatch.setattr(mocked_account, "ANSWERS", {**mocked_account.ANSWERS, **answers})
    deployment, prerequisites = opened(base=EKS)
    assert (len(deployment.of_type(mocked_account.RULE)), prerequisites) == (rules, rules)


def test_control_plane_of_eks_reaches_the_nodes_group() -> None:
    deployment, prerequisites = opened(base=EKS, tags={"team": "blue"}, injector={"port": 9443})
    rule = deployment.only(mocked_account.RULE)
    assert rule.inputs["securityGroupId"] == NODE_GROUP
    assert rule.inputs["referencedSecurityGroupId"] == mocked_account.CONTROL_PLANE_GROUP
    assert (rule.inputs["fromPort"], rule.inputs["tags"]) == (9443, {"team": "blue"})
    assert rule.provider.startswith(deployment.only(mocked_account.AWS_PROVIDER).urn)
    assert (prerequisites, deployment.outputs) == (1, {"ingress_rule_id": "sgr-0cccccccccccccccc"})


@pytest.mark.parametrize(
    ("base", "settings", "why"),
    [
        (EKS, {"injector": {"enabled": False}}, "the injector is off"),
        (
            EKS,
            {"nodeSecurityGroupId": mocked_account.CONTROL_PLANE_GROUP},
            "in sg-0aaaaaaaaaaaaaaaa, the cluster's own security group, whose members reach each other",
        ),
        (EKS_ALONE, {}, "Nodes that aren't in it need their groups in nodeSecurityGroupIds"),
        (EKS_ALONE, {"webhookRule": False}, "webhookRule is false"),
        (SHAMIR, {}, "this isn't an EKS or GKE cluster that the settings name"),
    ],
)
def test_no_ingress_rule_where_none_is_needed_and_the_log_says_why(
    base: Mapping[str, Any], settings: Mapping[str, Any], why: str
) -> None:
    deployment, prerequisites = opened(base=base, **settings)
    assert deployment.of_type(mocked_account.RULE) == []
    assert (prerequisites, deployment.outputs) == (0, {})
    assert [line for line in deployment.log if why in line]
