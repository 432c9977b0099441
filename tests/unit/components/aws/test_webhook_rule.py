"""The ingress rule for the injector's webhook, as the engine is asked for it."""

from collections.abc import Mapping

import pulumi
import pytest

from components.aws.webhook_rule import WebhookIngress, WebhookIngressArgs
from tests.unit.fakes.mocked_account import CONTROL_PLANE_GROUP, INGRESS_COMPONENT, NODE_GROUP, RULE
from tests.unit.fakes.recorded_deployment import deploy


@pytest.mark.parametrize("tags", [{"team": "blue"}, {}])
def test_rule_lets_the_control_plane_reach_one_port_of_the_nodes(tags: Mapping[str, str]) -> None:
    def program() -> None:
        args = WebhookIngressArgs(
            control_plane_security_group_id=CONTROL_PLANE_GROUP,
            node_security_group_id=NODE_GROUP,
            port=9443,
            tags=tags,
        )
        pulumi.export("rule_id", WebhookIngress("webhook", args).rule_id)

    deployment = deploy(
        {}, answers={}, outputs=lambda _: {"securityGroupRuleId": "sgr-0cccccccccccccccc"}, program=program
    )
    rule = deployment.only(RULE)
    assert rule.inputs == {
        "securityGroupId": NODE_GROUP,
        "referencedSecurityGroupId": CONTROL_PLANE_GROUP,
        "ipProtocol": "tcp",
        "fromPort": 9443,
        "toPort": 9443,
        "description": (
            "Allow ingress mutating webhook traffic from kube-apiserver to vault-agent-injector pod"
        ),
        # An empty map shows as a change after a refresh.
        **({"tags": tags} if tags else {}),
    }
    assert rule.parent == deployment.only(INGRESS_COMPONENT).urn
    assert deployment.component_outputs == {INGRESS_COMPONENT: deployment.outputs}
    assert deployment.outputs == {"rule_id": "sgr-0cccccccccccccccc"}
