"""Builds the IAM policies for running the stack (`preview`, `up`, `destroy`) and that of Vault's role.

`python -m components aws-policy up --account-id 123456789012` prints one for the selected stack. It makes no
AWS calls, as its user may not have permissions yet.

- `preview` is for `pulumi preview`, with or without `--refresh`: it looks up and reads.
- `up` is for `pulumi up` that creates the stack's resources or changes them in place; it includes `preview`.
- `destroy` is for `pulumi destroy` and, together with `up`, for an update that replaces or removes something:
  another name or path of the role or its policy, another alias or node security group, the injector switched
  off. Such an update needs the policies of both the old settings and the new ones.

Every action is here because the provider calls it for one of the stack's resources, or because AWS asks for
it at such a call; docs/permissions.md lists them by resource. Source: hashicorp/terraform-provider-aws,
`internal/service/`, on which Pulumi's provider is built. The resources and conditions of an action, and the
actions that it depends on, are from AWS's Service Authorization Reference.

Not here: `sts:GetCallerIdentity`, which the provider calls and which needs no policy; the actions that undo
manual changes that no setting has (a description, a session's length, a disabled key); and `kms:UpdateAlias`,
with which a principal that is limited to the key's alias could move the alias to another key. For the same
reason `up` names no key that has another alias.
"""

from collections.abc import Callable, Mapping, Sequence

from components.aws.policies import (
    KEY_READS,
    POD_IDENTITY_AGENT,
    POD_IDENTITY_SERVICE,
    UNSEAL_ACTIONS,
    Condition,
    Statement,
    allow,
    document,
    in_region,
    kind_of_key,
    of_alias,
    of_no_other_alias,
    unseal_policy,
)
from components.errors import DeploymentError
from components.permissions.aws_arns import (
    DeploymentScope,
    OwnKeyScope,
    SealScope,
)
from components.permissions.aws_roles import MadeRole, one_or_all, role_deletion, role_reads, role_writes
from components.permissions.aws_secret import secret_deletion, secret_reads, secret_writes
from components.permissions.aws_snapshots import (
    bucket_reads,
    bucket_writes,
    snapshot_role,
    writes_by_token,
)

KEY_UPDATES = (
    "kms:PutKeyPolicy",  # another name or path of the role that may use the key; asked for at creation, too
    "kms:UntagResource",  # a tag that the settings no longer have
)


def preview_policy(scope: DeploymentScope) -> str:
    """Return the policy for `pulumi preview`, on an empty stack and on a deployed one."""
    statements = list(_look_ups(scope))
    if (seal := scope.seal) is not None and seal.own_key is not None:
        # Not of the stack's alias, which doesn't count yet when a preview follows the creation.
        unnamed = of_no_other_alias(seal.own_key.settings.alias)
        statements.append(_on_key(seal, seal.own_key, "ReadKey", KEY_READS, unnamed))
    return document(*statements, *_reads(scope))


def up_policy(scope: DeploymentScope) -> str:
    """Return the policy for `pulumi up` that creates resources and changes them in place."""
    statements = [*_look_ups(scope), *_reads(scope)]
    if (seal := scope.seal) is not None:
        if seal.own_key is not None:
            statements += (
                _key_creation(scope, seal.own_key)
                if seal.key_arn is None
                else _key_changes(scope, seal.own_key, seal.key_arn)
            )
        if seal.identity == "pod-identity" and seal.role_arn is not None:
            statements += _association_writes(scope, seal.role_arn, seal.association_arns)
    if groups := scope.rule_group_arns:
        statements += _rule_writes(scope, groups)
    statements += role_writes(_roles(scope), tagged=bool(scope.tags))
    return document(*statements, *secret_writes(scope), *bucket_writes(scope))


def destroy_policy(scope: DeploymentScope) -> str:
    """Return the policy for deletions.

    Raises :class:`DeploymentError` if there is nothing to delete, and if the key is to be deleted but its id
    isn't given: such a policy would allow the deletion of every key of the region.
    """
    statements: list[Statement] = []
    if (seal := scope.seal) is not None:
        if seal.identity == "pod-identity":
            deletion = ["eks:DeletePodIdentityAssociation"]
            statements.append(allow("DeleteAssociation", deletion, seal.association_arns))
        if seal.own_key is not None:
            statements += _key_deletion(seal.own_key, seal.key_arn)
    if groups := scope.rule_group_arns:
        statements.append(allow("DeleteWebhookRule", ["ec2:RevokeSecurityGroupIngress"], groups))
    statements += [*role_deletion(_roles(scope)), *secret_deletion(scope)]
    if not statements:
        raise DeploymentError("This stack makes nothing in AWS, so there is nothing to delete there.")
    return document(*statements)


def vault_role_policy(scope: DeploymentScope) -> str:
    """Return the policy of the role or user of Vault's pods; the stack creates it for a role of its own.

    With `key.arn` or the key's id it is the very policy; before the key exists, the same for the key of that
    alias. Raises :class:`DeploymentError` if the seal uses no key of AWS.
    """
    if (seal := scope.seal) is None:
        raise DeploymentError(
            f"Seal {scope.settings.seal.type} uses nothing of AWS, so Vault's pods have no role there."
        )
    if seal.own_key is None or seal.key_arn is not None:
        return unseal_policy(key_arn=str(seal.key_arn))
    by_alias = of_alias(seal.own_key.settings.alias)
    return document(_on_key(seal, seal.own_key, "UseUnsealKey", UNSEAL_ACTIONS, by_alias))


def _look_ups(scope: DeploymentScope) -> Sequence[Statement]:
    """Return the statements for the look-ups that every command begins with."""
    statements: list[Statement] = []
    if scope.cluster_name:
        statements.append(allow("FindCluster", ["eks:DescribeCluster"], scope.cluster_arn))
    if scope.seal is not None and scope.seal.identity == "pod-identity":
        addon = scope.regional_arn("eks", f"addon/{scope.cluster_name}/{POD_IDENTITY_AGENT}/*")
        statements.append(allow("FindPodIdentityAgent", ["eks:DescribeAddon"], addon))
    if (scope.seal is not None and scope.seal.identity == "irsa") or writes_by_token(scope):
        # The issuer's host is oidc.eks.<region>.amazonaws.com, or oidc-eks.<region>.api.aws with IPv6.
        providers = scope.iam_arn(f"oidc-provider/oidc?eks.{scope.region}.*/id/*")
        statements += [
            allow("ListIdentityProviders", ["iam:ListOpenIDConnectProviders"], "*"),
            allow("ReadIdentityProvider", ["iam:GetOpenIDConnectProvider"], providers),
        ]
    if (seal := scope.seal) is not None and seal.own_key is None and seal.key_arn is not None:
        statements.append(allow("FindKey", ["kms:DescribeKey"], seal.key_arn))
    if seal is not None and seal.own_role is None and seal.role_arn is not None:
        statements.append(allow("FindRole", ["iam:GetRole"], seal.role_arn))
    if scope.settings.node_security_group_ids:
        statements.append(
            allow("FindNodeSecurityGroup", ["ec2:DescribeSecurityGroups"], "*", in_region(scope.region))
        )
    return statements


def _roles(scope: DeploymentScope) -> Sequence[MadeRole]:
    """Return the roles that the stack creates: that of Vault's pods, and that of the snapshots' job."""
    seal = scope.seal
    if seal is None or seal.own_role is None or seal.role_arn is None:
        return snapshot_role(scope)
    return [MadeRole(seal.role_arn, seal.own_role), *snapshot_role(scope)]


def _reads(scope: DeploymentScope) -> Sequence[Statement]:
    """Return the statements for a refresh and for reads after a change, except those of the key."""
    statements: list[Statement] = []
    if (seal := scope.seal) is not None and seal.own_key is not None:
        statements.append(allow("FindKeyAlias", ["kms:ListAliases"], "*", in_region(scope.region)))
    statements += role_reads(_roles(scope))
    if seal is not None and seal.identity == "pod-identity":
        reads = ["eks:DescribePodIdentityAssociation"]
        statements.append(allow("ReadAssociation", reads, seal.association_arns))
        # For components import.
        listing = ["eks:ListPodIdentityAssociations"]
        statements.append(allow("FindAssociation", listing, scope.cluster_arn))
    if scope.rule_group_arns:
        statements.append(
            allow("ReadWebhookRule", ["ec2:DescribeSecurityGroupRules"], "*", in_region(scope.region))
        )
    return [*statements, *secret_reads(scope), *bucket_reads(scope)]


def _key_creation(scope: DeploymentScope, key: OwnKeyScope) -> Sequence[Statement]:
    """Return the statements that create key and alias, and change the key.

    Nothing distinguishes a new key from others that have no alias: its tags don't, as whoever may create a
    key with a tag may tag any other.
    """
    unnamed = of_no_other_alias(key.settings.alias)
    return (
        allow("CreateKey", ["kms:CreateKey"], "*", kind_of_key(scope.region)),
        allow("NameKey", ["kms:CreateAlias"], [key.alias_arn, key.any_arn], unnamed),
        allow("FinishAndChangeKey", _key_update_actions(scope, key), key.any_arn, unnamed),
    )


def _key_changes(scope: DeploymentScope, key: OwnKeyScope, key_arn: str) -> Sequence[Statement]:
    """Return the statements that change the existing key, and give it another alias."""
    return (
        allow("ReadAndChangeKey", _key_update_actions(scope, key), key_arn),
        allow("NameKey", ["kms:CreateAlias"], [key.alias_arn, key_arn]),
    )


def _key_update_actions(scope: DeploymentScope, key: OwnKeyScope) -> Sequence[str]:
    rotation = "kms:EnableKeyRotation" if key.settings.rotation else "kms:DisableKeyRotation"
    return (*KEY_READS, *KEY_UPDATES, rotation, *_tagging(scope, "kms:TagResource"))


def _association_writes(scope: DeploymentScope, role_arn: str, association_arns: str) -> Sequence[Statement]:
    """Return the statements for the association, and for the preflight as Vault's pods, if it is on."""
    passed = {"StringEquals": {"iam:PassedToService": POD_IDENTITY_SERVICE}}
    further = [role.arn for role in snapshot_role(scope)]
    changes = [
        "eks:UpdatePodIdentityAssociation",  # another path of the role
        "eks:UntagResource",  # a tag that the settings no longer have
        *_tagging(scope, "eks:TagResource"),
    ]
    statements = [
        allow("CreateAssociation", ["eks:CreatePodIdentityAssociation"], scope.cluster_arn),
        allow("ChangeAssociation", changes, association_arns),
        allow("PassRole", ["iam:PassRole"], one_or_all([role_arn, *further]), passed),
    ]
    if scope.settings.init.preflight:
        statements.append(
            allow("AssumeRoleAsVault", ["eks-auth:AssumeRoleForPodIdentity"], scope.cluster_arn)
        )
    return statements


def _rule_writes(scope: DeploymentScope, groups: Sequence[str]) -> Sequence[Statement]:
    """Return the statements for the webhook's rules, whose ids are unknown before: the groups limit them."""
    rules = scope.regional_arn("ec2", "security-group-rule/*")
    return (
        allow("CreateWebhookRule", ["ec2:AuthorizeSecurityGroupIngress"], groups),
        # Another port of the injector.
        allow("ChangeWebhookRule", ["ec2:ModifySecurityGroupRules"], [*groups, rules]),
        # A rule is tagged after its creation; a tag that the settings no longer have is deleted.
        allow("TagWebhookRule", ["ec2:DeleteTags", *_tagging(scope, "ec2:CreateTags")], rules),
    )


def _key_deletion(key: OwnKeyScope, key_arn: str | None) -> Sequence[Statement]:
    """Return the statements that delete the alias and, unless the settings retain it, the key."""
    # AWS checks the alias and its key.
    alias_and_key = [key.alias_arn, key_arn or key.any_arn]
    statements = [allow("DeleteAlias", ["kms:DeleteAlias"], alias_and_key)]
    if not key.settings.retain_on_destroy:
        if key_arn is None:
            raise DeploymentError(
                "The unseal key is deleted with this stack (key.retainOnDestroy is false). Say which one it "
                "is, so that the document is for no other: --key-id $(pulumi stack output key_id)"
            )
        # The provider describes the key until its deletion is scheduled.
        deletion = ["kms:DescribeKey", "kms:ScheduleKeyDeletion"]
        statements.append(allow("ScheduleKeyDeletion", deletion, key_arn))
    return statements


def _on_key(
    seal: SealScope, key: OwnKeyScope, sid: str, actions: Sequence[str], by_alias: Condition
) -> Statement:
    """Return a statement on the stack's key: by its ARN, or by that condition if the ARN isn't known."""
    if seal.key_arn is not None:
        return allow(sid, actions, seal.key_arn)
    return allow(sid, actions, key.any_arn, by_alias)


def _tagging(scope: DeploymentScope, action: str) -> Sequence[str]:
    """Return the action that sets tags, if the settings have any."""
    return (action,) if scope.tags else ()


DOCUMENTS: Mapping[str, Callable[[DeploymentScope], str]] = {
    "preview": preview_policy,
    "up": up_policy,
    "destroy": destroy_policy,
    "vault-role": vault_role_policy,
}
