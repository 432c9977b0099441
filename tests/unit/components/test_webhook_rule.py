"""The firewall rule for the webhook, as the engine is asked for it."""

from collections.abc import Mapping
from typing import Any

import pulumi
import pytest

from components.cluster_lookup import look_up_cluster
from components.webhook_rule import open_webhook
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
from tests.unit.fakes.stack_settings import GKE, parse


def opened(answer: Answer = CLUSTER, **settings: Any) -> tuple[Deployment, int]:
    """The deployment, and of how many resources it has to wait."""
    prerequisites: list[pulumi.Resource] = []

    def program() -> None:
        parsed = parse({**GKE, **settings})
        webhook = open_webhook(parsed, look_up_cluster(parsed))
        prerequisites.extend(webhook.prerequisites)
        for name, output in webhook.outputs.items():
            pulumi.export(name, output)

    deployment = deploy({}, answers={GET_CLUSTER: answer}, outputs=lambda _: {}, program=program)
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
    ],
)
def test_no_rule_where_none_is_needed_and_the_log_says_why(
    answer: Answer, settings: Mapping[str, Any], why: str
) -> None:
    deployment, prerequisites = opened(answer, **settings)
    assert deployment.of_type(FIREWALL) == []
    assert (prerequisites, deployment.outputs) == (0, {})
    assert [line for line in deployment.log if why in line]
