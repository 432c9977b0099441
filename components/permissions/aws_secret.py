"""Builds the statements for the secret of the store aws-secrets-manager and its key, which the stack creates.

They are parts of the policies in `permissions/aws.py`, with the same sources. If Secrets Manager lacks
permissions on the secret's KMS key on the caller's behalf, AWS answers "Access to KMS is not allowed", which
names no action: it means `kms:Decrypt` and `kms:GenerateDataKey`.

Not here: another `custody.kmsKey` for an existing secret (`secretsmanager:UpdateSecret`).
"""

from collections.abc import Sequence

from components.aws.policies import KEY_READS, Statement, allow, kind_of_key, of_no_alias
from components.errors import DeploymentError
from components.permissions.aws_arns import DeploymentScope, SecretScope

SECRET_READS = (
    "secretsmanager:DescribeSecret",  # the secret and its tags; by the store, to see if there is a value yet
    "secretsmanager:GetResourcePolicy",  # the secret's policy
)

SECRET_WRITES = (
    "secretsmanager:CreateSecret",
    "secretsmanager:PutResourcePolicy",
    "secretsmanager:UntagResource",  # a tag that the settings no longer have
)

VALUE_USE = (
    "secretsmanager:GetSecretValue",  # the probe is read back; the keys are compared with Vault
    "secretsmanager:PutSecretValue",  # the probe and the keys
    "secretsmanager:UpdateSecretVersionStage",  # the probe's label is removed
)

SECRET_DELETION = (
    "secretsmanager:DeleteResourcePolicy",
    "secretsmanager:DeleteSecret",
    "secretsmanager:DescribeSecret",  # until the deletion is scheduled
    "secretsmanager:GetResourcePolicy",  # until the policy is gone
)


def secret_reads(scope: DeploymentScope) -> Sequence[Statement]:
    """Return the statements for a refresh of the secret and of its own key."""
    if (secret := scope.secret) is None:
        return ()
    reads = [allow("ReadSecret", SECRET_READS, secret.arn)]
    if secret.own_key_arns is not None:
        # The key has no alias to identify it by.
        reads.append(allow("ReadSecretKey", KEY_READS, secret.own_key_arns))
    return reads


def secret_writes(scope: DeploymentScope) -> Sequence[Statement]:
    """Return the statements for the secret, its policy, its own key, and the value that the init writes."""
    if (secret := scope.secret) is None:
        return ()
    tagging = ("secretsmanager:TagResource",) if scope.tags else ()
    # AWS ends the ARN with a hyphen and six characters, which a secret doesn't have before it is created.
    arns = [secret.arn, secret.arn_to_be]
    return (
        allow("WriteSecret", [*SECRET_WRITES, *tagging], arns),
        allow("UseSecretValue", VALUE_USE, secret.arn),
        allow("UseSecretKey", ["kms:Decrypt", "kms:GenerateDataKey"], secret.key_arns, secret.key_condition),
        *_own_key(scope, secret),
    )


def secret_deletion(scope: DeploymentScope) -> Sequence[Statement]:
    """Return the statements that delete the secret and its own key; none if the stack is protected.

    Raises :class:`DeploymentError` if the key is to be deleted and its id isn't given.
    """
    secret = scope.secret
    if secret is None or scope.settings.protect:
        return ()
    statements = [allow("DeleteSecret", SECRET_DELETION, secret.arn)]
    if secret.own_key_arns is not None:
        if scope.secret_key_id is None:
            raise DeploymentError(
                "The secret's own key is deleted with this stack (protect is false). Say which one it is, so "
                "that the document is for no other: --secret-key-id, the end of "
                "$(pulumi stack output secret_key_arn)"
            )
        deletion = ["kms:DescribeKey", "kms:ScheduleKeyDeletion"]
        statements.append(allow("ScheduleSecretKeyDeletion", deletion, secret.own_key_arns))
    return statements


def _own_key(scope: DeploymentScope, secret: SecretScope) -> Sequence[Statement]:
    if secret.own_key_arns is None:
        return ()
    # A change of the readers changes the key's policy, and its creation asks for that right, too.
    changes = ["kms:PutKeyPolicy", *(["kms:TagResource"] if scope.tags else [])]
    if scope.secret_key_id is not None:
        return (allow("ChangeSecretKey", [*changes, "kms:UntagResource"], secret.own_key_arns),)
    return (
        allow("CreateSecretKey", ["kms:CreateKey"], "*", kind_of_key(scope.region)),
        allow("FinishSecretKey", [*changes, "kms:EnableKeyRotation"], secret.own_key_arns, of_no_alias()),
    )
