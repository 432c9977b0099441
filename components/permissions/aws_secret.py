"""The rights on the AWS secret that the keys go to, where that is the stack's custody (`aws_key_store.py`).

They are parts of the documents in `deployment_policies.py`; sources as there. What Secrets Manager does with
the secret's KMS key on the caller's behalf is refused by AWS with "Access to KMS is not allowed", which names
no action: it stands for `kms:Decrypt` and `kms:GenerateDataKey`.

Not here: another `custody.kmsKey` for a secret that is there (`secretsmanager:UpdateSecret`).
"""

from collections.abc import Sequence

from components.aws.policies import KEY_READS, Statement, allow, kind_of_key, with_tags
from components.errors import DeploymentError
from components.permissions.aws_arns import DeploymentScope, SecretScope

SECRET_READS = (
    "secretsmanager:DescribeSecret",  # the secret and its tags; by the store, whether there is a value yet
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
    "secretsmanager:UpdateSecretVersionStage",  # the probe's label is taken off
)

SECRET_DELETION = (
    "secretsmanager:DeleteResourcePolicy",
    "secretsmanager:DeleteSecret",
    "secretsmanager:DescribeSecret",  # until the deletion is seen to be scheduled
)


def secret_reads(scope: DeploymentScope) -> Sequence[Statement]:
    """What a refresh reads of the secret, and of its own key."""
    if (secret := scope.secret) is None:
        return ()
    reads = [allow("ReadSecret", SECRET_READS, secret.arn)]
    if secret.own_key_arns is not None:
        # The key has no alias that it could be told by.
        reads.append(allow("ReadSecretKey", KEY_READS, secret.own_key_arns))
    return reads


def secret_writes(scope: DeploymentScope) -> Sequence[Statement]:
    """The secret, its policy and its own key; and its value, which the init writes and checks."""
    if (secret := scope.secret) is None:
        return ()
    tagging = ("secretsmanager:TagResource",) if scope.settings.tags else ()
    # AWS ends the ARN with a hyphen and six characters, which a secret doesn't have before it is made.
    arns = [secret.arn, secret.arn_to_be]
    return (
        allow("WriteSecret", [*SECRET_WRITES, *tagging], arns),
        allow("UseSecretValue", VALUE_USE, secret.arn),
        allow("UseSecretKey", ["kms:Decrypt", "kms:GenerateDataKey"], secret.key_arns, secret.key_condition),
        *_own_key(scope, secret),
    )


def secret_deletion(scope: DeploymentScope) -> Sequence[Statement]:
    """The secret and its own key, which are left alone where the stack is protected.

    Raises :class:`DeploymentError` where the key is to be deleted and its id isn't given.
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
    tags = scope.settings.tags
    if scope.secret_key_id is not None:
        # Other readers are a change of the key's policy.
        changes = ["kms:PutKeyPolicy", "kms:UntagResource", *(["kms:TagResource"] if tags else [])]
        return (allow("ChangeSecretKey", changes, secret.own_key_arns),)
    statements = [
        allow("CreateSecretKey", ["kms:CreateKey"], "*", kind_of_key(scope.region)),
        allow("FinishSecretKey", ["kms:EnableKeyRotation"], secret.own_key_arns),
    ]
    if tags:
        statements.append(allow("TagNewSecretKey", ["kms:TagResource"], secret.own_key_arns, with_tags(tags)))
    return statements
