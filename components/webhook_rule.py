"""Lets the control plane reach the injector's webhook on the nodes, through the cloud's firewall."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pulumi

from components.resource_types import INGRESS_RULE
from components.settings import Settings
from components.stack_state import recorded_outputs

if TYPE_CHECKING:
    from components.aws.cluster import EksCluster
    from components.google.cluster import GkeCluster


@dataclass(frozen=True)
class WebhookRule:
    """The firewall rule's resources, as the release and the stack's outputs need them."""

    prerequisites: Sequence[pulumi.Resource] = ()
    """Resources that the injector's start depends on."""
    outputs: Mapping[str, pulumi.Input[str | Sequence[str]]] = field(default_factory=dict)
    """Stack outputs that the rule adds."""


def open_webhook(settings: Settings, cluster: "EksCluster | GkeCluster | None") -> WebhookRule:
    """Create the firewall rule if one is needed; if none is, the log says why."""
    if not settings.injector.enabled:
        pulumi.log.info("No firewall rule for the webhook: the injector is off.")
        return WebhookRule()
    if not settings.webhook_rule:
        pulumi.log.info(
            "No firewall rule for the webhook: webhookRule is false. See to it that TCP "
            f"{settings.injector.port} is open from the control plane to the nodes."
        )
        return WebhookRule()
    if cluster is None:
        pulumi.log.info(
            "No firewall rule for the webhook: this isn't an EKS or GKE cluster that the settings name. See "
            f"to it that TCP {settings.injector.port} is open from the control plane to the nodes."
        )
        return WebhookRule()
    if cluster.cloud == "aws":
        return _open_security_group(settings, cluster)
    return _open_firewall(settings, cluster)


def _open_security_group(settings: Settings, cluster: "EksCluster") -> WebhookRule:
    own = cluster.security_group_id
    groups = [group for group in settings.node_security_group_ids if group != own]
    if not groups or own in settings.node_security_group_ids:
        pulumi.log.info(
            f"No firewall rule for the webhook in {own}, the cluster's own security group, whose members "
            "reach each other. Nodes that aren't in it need their groups in nodeSecurityGroupIds."
        )
    if not groups:
        return WebhookRule()
    from components.aws.webhook_rule import WebhookIngress, WebhookIngressArgs, needed_rules

    port = settings.injector.port
    needed = needed_rules(groups, port, cluster, recorded_outputs(INGRESS_RULE))
    if not needed:
        return WebhookRule()
    ingress = WebhookIngress(
        "webhook-ingress",
        WebhookIngressArgs(
            control_plane_security_group_id=own,
            node_security_group_ids=needed,
            port=port,
            tags=settings.tags,
        ),
        pulumi.ResourceOptions(provider=cluster.provider),
    )
    if len(ingress.rule_ids) == 1:
        return WebhookRule(prerequisites=(ingress,), outputs={"ingress_rule_id": ingress.rule_ids[0]})
    return WebhookRule(
        prerequisites=(ingress,), outputs={"ingress_rule_ids": pulumi.Output.all(*ingress.rule_ids)}
    )


def _open_firewall(settings: Settings, cluster: "GkeCluster") -> WebhookRule:
    from components.google.webhook_rule import WebhookFirewall, WebhookFirewallArgs

    cidr = settings.webhook_firewall.control_plane_cidr or cluster.master_cidr
    if not cidr:
        reason = (
            "GKE names no address range of its control plane, whose traffic then comes through agents in the "
            f"cluster. If pods wait for the webhook, open TCP {settings.injector.port} to the nodes with "
            "webhookFirewall.controlPlaneCidr."
            if cluster.private_nodes
            else "the cluster isn't private, and its control plane has a way of its own to the nodes."
        )
        pulumi.log.info(f"No firewall rule for the webhook: {reason}")
        return WebhookRule()
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
    return WebhookRule(prerequisites=(firewall,), outputs={"firewall_rule": firewall.rule})


def _rule_name(settings: Settings, cluster: "GkeCluster") -> str:
    """Return a name of at most 63 characters that is unique per cluster and release in a project."""
    whose = f"{cluster.path}/{settings.namespace}/{settings.release_name}"
    return f"vault-webhook-{cluster.name}-{hashlib.sha256(whose.encode()).hexdigest()[:8]}"
