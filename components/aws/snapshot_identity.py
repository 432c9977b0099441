"""Creates the IAM role by which the snapshots' job writes into a bucket of S3, and does nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.aws.pod_trust import PodIdentityTrust, PodTrust
from components.aws.vault_role import associate_service_account


@dataclass(frozen=True)
class SnapshotRoleArgs:
    """The arguments of a :class:`SnapshotRole`."""

    trust: PodTrust
    """The job's pods, the only ones that may assume the role."""
    name: str
    """Name of role and policy."""
    path: str
    """IAM path of both; begins and ends with a slash."""
    permissions_boundary: str | None
    """ARN of the role's permissions boundary, if an organisation demands one."""
    policy: str
    """What the role may do."""
    tags: Mapping[str, str]
    """Tags of role and policy."""


class SnapshotRole(pulumi.ComponentResource):
    """The role, its policy and attachment and, with EKS Pod Identity, its association."""

    role_arn: pulumi.Output[str]

    def __init__(self, name: str, args: SnapshotRoleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("vault-autounseal:aws:SnapshotRole", name, None, opts)
        inside = pulumi.ResourceOptions(parent=self)
        # An empty map shows as a change after a refresh.
        tags = args.tags or None
        role = aws.iam.Role(
            name,
            name=args.name,
            path=args.path,
            description="Assumed by the pods that take snapshots of Vault, to write them",
            permissions_boundary=args.permissions_boundary,
            assume_role_policy=args.trust.policy(),
            tags=tags,
            opts=inside,
        )
        policy = aws.iam.Policy(
            name,
            name=args.name,
            path=args.path,
            description="Writing of snapshots of Vault",
            policy=args.policy,
            tags=tags,
            opts=inside,
        )
        aws.iam.RolePolicyAttachment(name, role=role.name, policy_arn=policy.arn, opts=inside)
        if isinstance(args.trust, PodIdentityTrust):
            associate_service_account(name, trust=args.trust, role_arn=role.arn, tags=args.tags, opts=inside)
        self.role_arn = role.arn
        self.register_outputs({"role_arn": self.role_arn})
