"""Creates the security-group rules that let the EKS control plane reach the injector's webhook."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.aws.cluster import EksCluster, call_function, look_up
from components.stack_state import IMPORTING

DESCRIPTION = "Allow ingress mutating webhook traffic from kube-apiserver to vault-agent-injector pod"
_NAME = "webhook-ingress"


@dataclass(frozen=True)
class WebhookIngressArgs:
    """The arguments of a :class:`WebhookIngress`."""

    control_plane_security_group_id: str
    """Group of the control plane's network interfaces: the source of the traffic."""
    node_security_group_ids: Mapping[str, str]
    """Groups of the nodes, which get a rule each, by the name of the rule's resource."""
    port: int
    """TCP port of the webhook."""
    tags: Mapping[str, str]
    """Tags of the rules."""


class WebhookIngress(pulumi.ComponentResource):
    """Ingress rules. Without them the API server waits for the webhook's timeout at every pod it admits."""

    rule_ids: Sequence[pulumi.Output[str]]

    def __init__(
        self, name: str, args: WebhookIngressArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("vault-autounseal:aws:WebhookIngress", name, None, opts)
        rules = [
            aws.vpc.SecurityGroupIngressRule(
                rule_name,
                security_group_id=group,
                referenced_security_group_id=args.control_plane_security_group_id,
                ip_protocol="tcp",
                from_port=args.port,
                to_port=args.port,
                description=DESCRIPTION,
                # An empty map shows as a change after a refresh.
                tags=args.tags or None,
                opts=pulumi.ResourceOptions(parent=self),
            )
            for rule_name, group in args.node_security_group_ids.items()
        ]
        self.rule_ids = [rule.security_group_rule_id for rule in rules]
        self.register_outputs({"rule_ids": self.rule_ids})


def needed_rules(
    groups: Sequence[str], port: int, cluster: EksCluster, recorded: Mapping[str, Mapping[str, Any]]
) -> Mapping[str, str]:
    """Return the groups that the stack has to give a rule, by the name of the rule's resource.

    AWS takes a rule once in a group, so one that somebody else has created needs no other: the log names it.
    ``recorded`` are the outputs of the stack's own rules, by which they are told from others; they keep their
    names. Raises :class:`DeploymentError` if the rules of a group can't be read.
    """
    own = {str(outputs["securityGroupId"]): name for name, outputs in recorded.items()}
    rules: dict[str, str] = {}
    for group in groups:
        live = _rule_ids(group, cluster)
        name = own.get(group)
        rule = str(recorded[name]["securityGroupRuleId"]) if name is not None else None
        if name is not None and rule in live:
            rules[name] = group
            continue
        equal = next((found for found in live if _lets_in(found, port, cluster)), None)
        # An import shows whose it may be, and a person decides.
        if equal is not None and IMPORTING not in os.environ:
            pulumi.log.info(
                f"No firewall rule for the webhook in {group}: the rule {equal} is there already, and isn't "
                "this stack's. If its owner deletes it, the next pulumi up creates one."
            )
            continue
        if name is not None:
            pulumi.log.warn(
                f"The rule {rule}, which this stack created in {group}, is gone, so the control plane may "
                "not reach the injector's webhook. Run pulumi up --refresh, which creates it again. If "
                "whoever manages the group deletes what they don't know, have the rule added there, and set "
                "webhookRule to false."
            )
        rules[name or _new_name(group, {*recorded, *rules})] = group
    return rules


def _new_name(group: str, taken: set[str]) -> str:
    # The name that the rule has in the stacks of earlier versions, which knew one group only.
    return f"{_NAME}-{group}" if _NAME in taken else _NAME


def _rule_ids(group: str, cluster: EksCluster) -> Sequence[str]:
    found = look_up(
        f"The rules of the security group {group} can't be read in {cluster.region}",
        "Check that the AWS credentials in use may ec2:DescribeSecurityGroupRules; or set webhookRule to "
        "false, if the control plane reaches the injector's port already.",
        lambda: call_function(
            "aws:vpc/getSecurityGroupRules:getSecurityGroupRules",
            {"filters": [{"name": "group-id", "values": [group]}]},
            cluster.provider,
        ),
    )
    return [str(identifier) for identifier in found["ids"]]


def _lets_in(rule: str, port: int, cluster: EksCluster) -> bool:
    """Return whether a rule is what the stack would create."""
    found = _rule(rule, cluster)
    wanted = {
        "isEgress": False,
        "ipProtocol": "tcp",
        "fromPort": port,
        "toPort": port,
        "referencedSecurityGroupId": cluster.security_group_id,
    }
    return all(found.get(name) == value for name, value in wanted.items())


def _rule(rule: str, cluster: EksCluster) -> Mapping[str, Any]:
    return look_up(
        f"The security group rule {rule} can't be read in {cluster.region}",
        "If it was deleted just now, run the command again.",
        lambda: call_function(
            "aws:vpc/getSecurityGroupRule:getSecurityGroupRule",
            {"securityGroupRuleId": rule},
            cluster.provider,
        ),
    )
