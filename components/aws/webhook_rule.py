"""Creates the security-group rule that lets the EKS control plane reach the injector's webhook."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

DESCRIPTION = "Allow ingress mutating webhook traffic from kube-apiserver to vault-agent-injector pod"


@dataclass(frozen=True)
class WebhookIngressArgs:
    """The arguments of a :class:`WebhookIngress`."""

    control_plane_security_group_id: str
    """Group of the control plane's network interfaces: the source of the traffic."""
    node_security_group_id: str
    """Group of the nodes, which gets the rule."""
    port: int
    """TCP port of the webhook."""
    tags: Mapping[str, str]
    """Tags of the rule."""


class WebhookIngress(pulumi.ComponentResource):
    """One ingress rule. Without it the API server waits for the webhook's timeout at every pod it admits."""

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
            # An empty map shows as a change after a refresh.
            tags=args.tags or None,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.rule_id = rule.security_group_rule_id
        self.register_outputs({"rule_id": self.rule_id})
