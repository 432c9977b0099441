"""The firewall rule for the injector's webhook, as the engine is asked for it."""

from collections.abc import Sequence

import pulumi
import pytest

from components.google.webhook_rule import WebhookFirewall, WebhookFirewallArgs
from tests.unit.fakes.mocked_google import FIREWALL
from tests.unit.fakes.recorded_deployment import deploy

NETWORK = "projects/acme-host/global/networks/shared"


@pytest.mark.parametrize("node_tags", [("vault-nodes",), ()])
def test_rule_lets_the_control_plane_reach_one_port(node_tags: Sequence[str]) -> None:
    def program() -> None:
        args = WebhookFirewallArgs(
            name="vault-webhook",
            network=NETWORK,
            control_plane_cidr="172.16.0.0/28",
            node_tags=node_tags,
            port=9443,
        )
        pulumi.export("rule", WebhookFirewall("webhook", args).rule)

    deployment = deploy({}, answers={}, outputs=lambda _: {}, program=program)
    rule = deployment.only(FIREWALL)
    assert rule.inputs == {
        "name": "vault-webhook",
        # The rule of a shared network is the host project's.
        "project": "acme-host",
        "network": NETWORK,
        "description": "Lets the control plane reach the webhook of Vault's agent injector",
        "direction": "INGRESS",
        "sourceRanges": ["172.16.0.0/28"],
        # Without tags every instance of the network gets it.
        **({"targetTags": list(node_tags)} if node_tags else {}),
        "allows": [{"protocol": "tcp", "ports": ["9443"]}],
    }
    assert rule.delete_before_replace is True
    assert rule.parent == deployment.only("vault-autounseal:gcp:WebhookFirewall").urn
    assert deployment.component_outputs == {"vault-autounseal:gcp:WebhookFirewall": deployment.outputs}
    assert deployment.outputs == {"rule": "vault-webhook"}
