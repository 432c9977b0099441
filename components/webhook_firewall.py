"""The firewall rule that lets a private GKE control plane reach the injector's webhook on the nodes."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from components.gke_cluster import GkeCluster, network_project
from components.settings import Settings
from components.webhook_access import OpenedWebhook

DESCRIPTION = "Lets the control plane reach the webhook of Vault's agent injector"


@dataclass(frozen=True)
class WebhookFirewallArgs:
    """What a :class:`WebhookFirewall` is made from."""

    name: str
    """Name of the rule, unique within its project."""
    network: str
    """The network, ``projects/<project>/global/networks/<name>``; the rule goes into that project."""
    control_plane_cidr: str
    """Where the traffic comes from."""
    node_tags: Sequence[str]
    """Network tags of the nodes; empty for every instance of the network."""
    port: int
    """TCP port of the webhook."""


class Firewall(pulumi.CustomResource):
    """A firewall rule, by the token of its type.

    The SDK's own class comes with all types of Compute Engine, 0.8 s of every preview.
    """

    name: pulumi.Output[str]

    def __init__(self, name: str, properties: Mapping[str, Any], opts: pulumi.ResourceOptions) -> None:
        super().__init__("gcp:compute/firewall:Firewall", name, {**properties}, opts)


class WebhookFirewall(pulumi.ComponentResource):
    """One ingress rule. Without it the API server waits for the webhook's time-out at every pod it admits.

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
            # The name is given, so a rule of another network can't be made beside the old one.
            opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True),
        )
        self.rule = rule.name
        self.register_outputs({"rule": self.rule})


def open_webhook_firewall(settings: Settings, cluster: GkeCluster) -> OpenedWebhook:
    """Makes the rule where it is needed; where it isn't, the log says why."""
    cidr = settings.webhook_firewall.control_plane_cidr or cluster.master_cidr
    if not settings.injector.enabled:
        pulumi.log.info("No firewall rule for the webhook: the injector is off.")
        return OpenedWebhook()
    if not cidr:
        told = (
            "GKE names no address range of its control plane, whose traffic then comes through agents in the "
            f"cluster. Should pods wait for the webhook, open TCP {settings.injector.port} to the nodes with "
            "webhookFirewall.controlPlaneCidr."
            if cluster.private_nodes
            else "the cluster isn't private, and its control plane has a way of its own to the nodes."
        )
        pulumi.log.info(f"No firewall rule for the webhook: {told}")
        return OpenedWebhook()
    firewall = WebhookFirewall(
        "webhook-firewall",
        WebhookFirewallArgs(
            name=_rule_name(settings, cluster),
            network=cluster.network,
            control_plane_cidr=cidr,
            node_tags=settings.webhook_firewall.node_tags,
            port=settings.injector.port,
        ),
        pulumi.ResourceOptions(provider=cluster.provider),
    )
    return OpenedWebhook(prerequisites=(firewall,), outputs={"firewall_rule": firewall.rule})


def _rule_name(settings: Settings, cluster: GkeCluster) -> str:
    """At most 63 characters, and another one for every cluster and release of a project's networks."""
    whose = f"{cluster.path}/{settings.namespace}/{settings.release_name}"
    return f"vault-webhook-{cluster.name}-{hashlib.sha256(whose.encode()).hexdigest()[:8]}"
