"""Secrets Manager as far as moto lacks it: which permissions a request takes, states and resource policies.

Sources: the API reference (https://docs.aws.amazon.com/secretsmanager/latest/apireference/), the use of keys
(https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html) and resource policies
(https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_resource-policies.html).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from moto.kms.models import Key
from moto.secretsmanager.models import FakeSecret

from sandbox.aws import key_management, moto_state
from sandbox.aws.account import regional_arn
from sandbox.aws.error_responses import AwsError, not_implemented
from sandbox.aws.policy_document import MalformedPolicyError, parse_policy
from sandbox.aws.request_context import ServiceRequest
from sandbox.aws.resource_policies import UnknownPrincipalError, existing_principals

ALLOWED_WHILE_DELETED = {"DescribeSecret", "ListSecretVersionIds", "RestoreSecret"}
OPERATIONS = ALLOWED_WHILE_DELETED | {
    "CreateSecret",
    "DeleteResourcePolicy",
    "DeleteSecret",
    "GetResourcePolicy",
    "GetSecretValue",
    "ListSecrets",
    "PutResourcePolicy",
    "PutSecretValue",
    "TagResource",
    "UntagResource",
    "UpdateSecret",
    "UpdateSecretVersionStage",
}
"""The operations that the sandbox has. Rotation, replicas and batches are not among them."""

KEY_OPERATIONS: Mapping[str, Sequence[str]] = {
    "CreateSecret": ("GenerateDataKey", "Decrypt"),
    "GetSecretValue": ("Decrypt",),
    "PutSecretValue": ("GenerateDataKey",),
    "UpdateSecret": ("GenerateDataKey", "Encrypt", "Decrypt"),
}
"""What a request uses the secret's key for; the first and the last one only where they set the key."""

UNKNOWN_SUFFIX = "-??????"
"""In place of the six characters that AWS chooses for the ARN of a secret that is still to be made."""

NO_ACCESS_TO_KEY = "Access to KMS is not allowed"


def find_secret(call: ServiceRequest) -> FakeSecret | None:
    """Find the secret that a request is about; None if there is none, and for CreateSecret, ListSecrets."""
    identifier = call.text("SecretId")
    return moto_state.find_secret(call.region, identifier) if identifier else None


def secret_arn(call: ServiceRequest) -> str:
    """Return the ARN that policies are compared with."""
    if call.operation == "CreateSecret":
        return regional_arn(
            "secretsmanager", call.region, f"secret:{call.required_text('Name')}{UNKNOWN_SUFFIX}"
        )
    identifier = call.required_text("SecretId")
    secret = find_secret(call)
    if secret is not None:
        return secret.arn
    return (
        identifier
        if identifier.startswith("arn:")
        else regional_arn("secretsmanager", call.region, f"secret:{identifier}")
    )


def key_uses(call: ServiceRequest) -> Sequence[tuple[str, Key]]:
    """Return the KMS operations that the service makes on the caller's behalf, each with its key.

    None for a secret under AWS's own key, which everybody may use who may use the secret. Raises AwsError
    where there is no such key.
    """
    if call.operation in ("CreateSecret", "UpdateSecret"):
        identifier = call.text("KmsKeyId")
    else:
        secret = find_secret(call)
        identifier = secret.kms_key_id if secret is not None else None
    if not identifier or identifier == "alias/aws/secretsmanager":
        return ()
    uses = []
    for operation in KEY_OPERATIONS.get(call.operation, ()):
        try:
            key = key_management.find_key(replace(call, operation=operation), identifier)
        except AwsError as error:
            raise AwsError("AccessDeniedException", NO_ACCESS_TO_KEY) from error
        uses.append((operation, key))
    return uses


def check_request(call: ServiceRequest) -> None:
    """Raise AwsError where Secrets Manager would refuse an authorized request and moto would not."""
    for name in ("AddReplicaRegions", "RotationLambdaARN", "Type"):
        if call.parameters.get(name):
            raise not_implemented(call.protocol, f"The parameter {name} of {call.operation}")
    if call.operation == "CreateSecret":
        same_name = moto_state.find_secret(call.region, call.required_text("Name"))
        if same_name is not None and same_name.is_deleted():
            raise AwsError(
                "InvalidRequestException",
                "You can't create this secret because a secret with this name is already scheduled for "
                "deletion.",
            )
    _check_state(call)
    for operation, key in key_uses(call):
        if key.key_state != "Enabled":
            code = "DecryptionFailure" if operation == "Decrypt" else "EncryptionFailure"
            verb = "decrypt" if operation == "Decrypt" else "encrypt"
            raise AwsError(
                code,
                f"Secrets Manager can't {verb} the protected secret text using the provided KMS key.",
            )
    if call.operation == "PutResourcePolicy":
        _check_policy(call)


def _check_state(call: ServiceRequest) -> None:
    secret = find_secret(call)
    forced = call.operation == "DeleteSecret" and call.parameters.get("ForceDeleteWithoutRecovery") is True
    if (
        secret is not None
        and secret.is_deleted()
        and call.operation not in ALLOWED_WHILE_DELETED
        and not forced
    ):
        raise AwsError(
            "InvalidRequestException",
            "You can't perform this operation on the secret because it was marked for deletion.",
        )


def _check_policy(call: ServiceRequest) -> None:
    try:
        policy = parse_policy(call.required_text("ResourcePolicy"))
        existing_principals(policy)
    except MalformedPolicyError as error:
        raise AwsError("MalformedPolicyDocumentException", str(error)) from error
    except UnknownPrincipalError as error:
        raise AwsError(
            "MalformedPolicyDocumentException", "This resource policy contains an unsupported principal."
        ) from error
    if any(statement.principals is None or not statement.resources for statement in policy.statements):
        raise AwsError(
            "MalformedPolicyDocumentException",
            "A statement of a resource policy must have a Principal and a Resource.",
        )
    for statement in policy.statements:
        to_anyone = statement.principals is not None and statement.principals.anyone
        if call.parameters.get("BlockPublicPolicy") is True and statement.effect == "Allow" and to_anyone:
            if statement.conditions:
                raise not_implemented(
                    call.protocol, "Deciding whether conditions keep a policy from being public"
                )
            raise AwsError("PublicPolicyException", "This resource policy grants broad access to the secret.")
