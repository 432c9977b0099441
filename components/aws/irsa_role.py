"""Creates the IAM role that Vault's pods assume through their service account (IRSA), and its policy."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.aws.policies import service_account_trust_policy, unseal_policy
from components.aws.settings import RoleSettings


@dataclass(frozen=True)
class IrsaRoleArgs:
    """The arguments of an :class:`IrsaRole`."""

    oidc_provider_arn: str
    """ARN of the OIDC provider that vouches for the pods."""
    issuer: str
    """URL of the cluster's OIDC issuer, whose name the trust policy's conditions carry."""
    role: RoleSettings
    """Names, path and boundary."""
    namespace: str
    """Namespace of the service account."""
    service_account: str
    """Name of the service account, the only one that may assume the role."""
    key_arn: pulumi.Input[str]
    """ARN of the key that the role may use, and nothing else."""
    tags: Mapping[str, str]
    """Tags of role and policy."""


class IrsaRole(pulumi.ComponentResource):
    """The role, its policy and their attachment. The OIDC provider belongs to the cluster and must exist."""

    policy_arn: pulumi.Output[str]
    role_arn: pulumi.Output[str]
    role_name: pulumi.Output[str]
    role_path: pulumi.Output[str]
    role_unique_id: pulumi.Output[str]
    attachment: aws.iam.RolePolicyAttachment
    """The role may use the key once this exists."""

    def __init__(self, name: str, args: IrsaRoleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("vault-autounseal:aws:IrsaRole", name, None, opts)
        # An empty map shows as a change after a refresh.
        tags = args.tags or None
        role = aws.iam.Role(
            name,
            name=args.role.name,
            path=args.role.path,
            description="Assumed by Vault's pods to unseal",
            permissions_boundary=args.role.permissions_boundary,
            assume_role_policy=service_account_trust_policy(
                oidc_provider_arn=args.oidc_provider_arn,
                issuer=args.issuer,
                namespace=args.namespace,
                service_account=args.service_account,
            ),
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
            opts=pulumi.ResourceOptions(parent=self),
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
