"""Creates the IAM role of Vault's pods and its policy, and the association of EKS Pod Identity."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.aws.pod_trust import PodIdentityTrust, PodTrust
from components.aws.policies import unseal_policy
from components.aws.settings import RoleSettings


@dataclass(frozen=True)
class VaultRoleArgs:
    """The arguments of an :class:`VaultRole`."""

    trust: PodTrust
    """The pods, the only ones that may assume the role."""
    role: RoleSettings
    """Names, path and boundary."""
    key_arn: pulumi.Input[str]
    """ARN of the key that the role may use, and nothing else."""
    guard: pulumi.Resource | None
    """Refuses another key than the one that Vault is sealed with, before the role is limited to it. None for
    a key that the stack creates."""
    tags: Mapping[str, str]
    """Tags of role and policy."""


class VaultRole(pulumi.ComponentResource):
    """The role, its policy and their attachment."""

    policy_arn: pulumi.Output[str]
    role_arn: pulumi.Output[str]
    role_name: pulumi.Output[str]
    role_path: pulumi.Output[str]
    role_unique_id: pulumi.Output[str]
    attachment: aws.iam.RolePolicyAttachment
    """The role may use the key once this exists."""

    def __init__(self, name: str, args: VaultRoleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        # The type of the states that there are; the role is the same for every kind of identity.
        super().__init__("vault-autounseal:aws:IrsaRole", name, None, opts)
        # An empty map shows as a change after a refresh.
        tags = args.tags or None
        role = aws.iam.Role(
            name,
            name=args.role.name,
            path=args.role.path,
            description="Assumed by Vault's pods to unseal",
            permissions_boundary=args.role.permissions_boundary,
            assume_role_policy=args.trust.policy(),
            tags=tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        policy = aws.iam.Policy(
            name,
            name=args.role.policy_name,
            path=args.role.path,
            description="Use of the key that unseals Vault",
            policy=pulumi.Output.from_input(args.key_arn).apply(lambda arn: unseal_policy(key_arn=arn)),
            tags=tags,
            opts=pulumi.ResourceOptions(parent=self, depends_on=args.guard),
        )
        self.attachment = aws.iam.RolePolicyAttachment(
            name, role=role.name, policy_arn=policy.arn, opts=pulumi.ResourceOptions(parent=self)
        )
        self.policy_arn = policy.arn
        self.role_arn = role.arn
        self.role_name = role.name
        self.role_path = role.path.apply(lambda path: path or "/")
        self.role_unique_id = role.unique_id
        self.register_outputs(
            {
                "policy_arn": self.policy_arn,
                "role_arn": self.role_arn,
                "role_name": self.role_name,
                "role_path": self.role_path,
                "role_unique_id": self.role_unique_id,
            }
        )


def associate_service_account(
    name: str,
    *,
    trust: PodIdentityTrust,
    role_arn: pulumi.Input[str],
    tags: Mapping[str, str],
    opts: pulumi.ResourceOptions,
) -> aws.eks.PodIdentityAssociation:
    """Associate Vault's service account with the role, for the pods that are created from then on."""
    return aws.eks.PodIdentityAssociation(
        name,
        cluster_name=trust.cluster_arn.rpartition("/")[2],
        namespace=trust.namespace,
        service_account=trust.service_account,
        role_arn=role_arn,
        tags=tags or None,
        opts=opts,
    )
