"""Creates the firewall rule that lets a private GKE control plane reach the injector's webhook."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from components.google.cluster import network_project

DESCRIPTION = "Lets the control plane reach the webhook of Vault's agent injector"


@dataclass(frozen=True)
class WebhookFirewallArgs:
    """The arguments of a :class:`WebhookFirewall`."""

    name: str
    """Name of the rule, unique within its project."""
    network: str
    """The network, ``projects/<project>/global/networks/<name>``; the rule goes into that project."""
    control_plane_cidr: str
    """Source of the traffic, an IPv4 range."""
    node_tags: Sequence[str]
    """Network tags of the nodes; empty for every instance of the network."""
    port: int
    """TCP port of the webhook."""


class Firewall(pulumi.CustomResource):
    """A firewall rule, by the token of its type.

    The SDK's own class imports all types of Compute Engine, 0.8 s of every preview.
    """

    name: pulumi.Output[str]

    def __init__(self, name: str, properties: Mapping[str, Any], opts: pulumi.ResourceOptions) -> None:
        super().__init__("gcp:compute/firewall:Firewall", name, {**properties}, opts)


class WebhookFirewall(pulumi.ComponentResource):
    """One ingress rule. Without it the API server waits for the webhook's timeout at every pod it admits.

    GKE's own rules let the control plane reach the nodes' ports 443 and 10250 only. Source: the GKE guide,
    "Add firewall rules for specific use cases".
    """

    rule: pulumi.Output[str]

    def __init__(
        self, name: str, args: WebhookFirewallArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("vault-autounseal:gcp:WebhookFirewall", name, None, opts)
        rule = Firewall(
            name,
            {
                "name": args.name,
                "project": network_project(args.network),
                "network": args.network,
                "description": DESCRIPTION,
                "direction": "INGRESS",
                "sourceRanges": [args.control_plane_cidr],
                "targetTags": list(args.node_tags) or None,
                "allows": [{"protocol": "tcp", "ports": [str(args.port)]}],
            },
            # The name is fixed, so the rule of another network can't exist beside the old one.
            opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True),
        )
        self.rule = rule.name
        self.register_outputs({"rule": self.rule})
