"""Which command each action of the documents is tried with."""

LOOK_UPS = (
    "ec2:DescribeSecurityGroupRules",
    "ec2:DescribeSecurityGroups",
    "eks:DescribeCluster",
    "iam:GetOpenIDConnectProvider",
    "iam:ListOpenIDConnectProviders",
)
READS = (
    "iam:GetPolicy",
    "iam:GetPolicyVersion",
    "iam:GetRole",
    "iam:GetRolePolicy",
    "iam:ListAttachedRolePolicies",
    "iam:ListRolePolicies",
    "kms:DescribeKey",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListAliases",
    "kms:ListResourceTags",
)
CREATIONS = (
    "ec2:AuthorizeSecurityGroupIngress",
    "ec2:CreateTags",
    "iam:AttachRolePolicy",
    "iam:CreatePolicy",
    "iam:CreateRole",
    "iam:TagPolicy",
    "iam:TagRole",
    "kms:CreateAlias",
    "kms:CreateKey",
    "kms:EnableKeyRotation",
    "kms:TagResource",
)
READ_ON_CHANGE_ONLY = "iam:GetRolePolicy"
"""A new role has no inline policy."""
ASKED_BY_KMS = "kms:PutKeyPolicy"
"""Asked for by KMS when a key is created, whose refusal names no action."""
CHANGES = (
    READ_ON_CHANGE_ONLY,
    "ec2:DeleteTags",
    "ec2:ModifySecurityGroupRules",
    "iam:CreatePolicyVersion",
    "iam:DeletePolicyVersion",
    "iam:ListPolicyVersions",
    "iam:PutRolePermissionsBoundary",
    "iam:UntagPolicy",
    "iam:UntagRole",
    "iam:UpdateAssumeRolePolicy",
    "kms:DisableKeyRotation",
    "kms:PutKeyPolicy",
    "kms:UntagResource",
)
UNBINDING = "iam:DeleteRolePermissionsBoundary"
KEY, ALIAS = "aws:kms/key:Key::unseal-key", "aws:kms/alias:Alias::unseal-key"
ROLE, POLICY = "aws:iam/role:Role::vault-role", "aws:iam/policy:Policy::vault-role"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment::vault-role"
RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule::webhook-ingress"


DELETIONS = (
    (RULE, "ec2:RevokeSecurityGroupIngress"),
    (ALIAS, "kms:DeleteAlias"),
    (ATTACHMENT, "iam:DetachRolePolicy"),
    (POLICY, "iam:ListPolicyVersions"),
    (POLICY, "iam:DeletePolicyVersion"),
    (POLICY, "iam:DeletePolicy"),
    (ROLE, "iam:ListInstanceProfilesForRole"),
    (ROLE, "iam:ListAttachedRolePolicies"),
    (ROLE, "iam:DeleteRole"),
    (KEY, "kms:ScheduleKeyDeletion"),
    # Last, as the deletion is scheduled by then.
    (KEY, "kms:DescribeKey"),
)
