"""The security-group rule that lets the EKS control plane reach the injector's webhook on the nodes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from components.eks_cluster import EksCluster
from components.settings import Settings

DESCRIPTION = "Allow ingress mutating webhook traffic from kube-apiserver to vault-agent-injector pod"


@dataclass(frozen=True)
class WebhookIngressArgs:
    """What a :class:`WebhookIngress` is made from."""

    control_plane_security_group_id: str
    """Group on the control plane's network interfaces: where the traffic comes from."""
    node_security_group_id: str
    """Group of the nodes: what the traffic is let into."""
    port: int
    """TCP port of the webhook."""
    tags: Mapping[str, str]
    """Tags of the rule."""


class WebhookIngress(pulumi.ComponentResource):
    """One ingress rule. Without it the API server waits for the webhook's time-out at every pod it admits."""

    rule_id: pulumi.Output[str]

    def __init__(
        self, name: str, args: WebhookIngressArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("vault-autounseal:aws:WebhookIngress", name, None, opts)
        rule = aws.vpc.SecurityGroupIngressRule(
            name,
            security_group_id=args.node_security_group_id,
            referenced_security_group_id=args.control_plane_security_group_id,
            ip_protocol="tcp",
            from_port=args.port,
            to_port=args.port,
            description=DESCRIPTION,
            tags=args.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.rule_id = rule.security_group_rule_id
        self.register_outputs({"rule_id": self.rule_id})


@dataclass(frozen=True)
class OpenedIngress:
    """What the release and the stack's outputs need to know of the rule."""

    prerequisites: Sequence[pulumi.Resource] = ()
    """What has to exist before the injector starts."""
    outputs: Mapping[str, pulumi.Output[str]] = field(default_factory=dict)
    """Stack outputs that the rule adds."""


def open_webhook_ingress(settings: Settings, cluster: EksCluster | None) -> OpenedIngress:
    """Makes the rule where it is needed; where it isn't, the log says why."""
    node_group = settings.node_security_group_id
    if not settings.injector.enabled:
        pulumi.log.info("No webhook ingress rule: the injector is off.")
        return OpenedIngress()
    if cluster is None or node_group is None:
        pulumi.log.info(
            "No webhook ingress rule: this isn't an EKS cluster. See to it that TCP "
            f"{settings.injector.port} is open from the control plane to the nodes."
        )
        return OpenedIngress()
    if node_group == cluster.security_group_id:
        pulumi.log.info(
            f"No webhook ingress rule: the nodes share the cluster's security group {node_group}, "
            "which lets its members reach each other."
        )
        return OpenedIngress()
    ingress = WebhookIngress(
        "webhook-ingress",
        WebhookIngressArgs(
            control_plane_security_group_id=cluster.security_group_id,
            node_security_group_id=node_group,
            port=settings.injector.port,
            tags=settings.tags,
        ),
        pulumi.ResourceOptions(provider=cluster.provider),
    )
    return OpenedIngress(prerequisites=(ingress,), outputs={"ingress_rule_id": ingress.rule_id})
