"""KMS as far as moto lacks it: key identifiers, key states, and the checks of a key policy.

Sources: the API reference (https://docs.aws.amazon.com/kms/latest/APIReference/), key states
(https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html), key policies
(https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-overview.html).
"""

import base64
import binascii
import re
from collections.abc import Mapping

from moto.kms.models import Key

from sandbox.aws import moto_state
from sandbox.aws.account import regional_arn
from sandbox.aws.callers import Permissions
from sandbox.aws.error_responses import AwsError, not_implemented
from sandbox.aws.policy_conditions import ContextValue
from sandbox.aws.policy_document import MalformedPolicyError, parse_policy
from sandbox.aws.policy_evaluation import AccessRequest, Caller, key_denial
from sandbox.aws.request_context import ServiceRequest
from sandbox.aws.resource_policies import UnknownPrincipalError, existing_principals

CRYPTOGRAPHIC_OPERATIONS = {"Decrypt", "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext"}
ALIAS_OPERATIONS = {"CreateAlias", "DeleteAlias", "UpdateAlias"}
ROTATION_OPERATIONS = {"DisableKeyRotation", "EnableKeyRotation"}
READING_OPERATIONS = {
    "DescribeKey",
    "GetKeyPolicy",
    "GetKeyRotationStatus",
    "ListAliases",
    "ListKeyPolicies",
    "ListKeys",
    "ListResourceTags",
}
OPERATIONS = (
    CRYPTOGRAPHIC_OPERATIONS
    | ALIAS_OPERATIONS
    | ROTATION_OPERATIONS
    | READING_OPERATIONS
    | {
        "CancelKeyDeletion",
        "CreateKey",
        "DisableKey",
        "EnableKey",
        "PutKeyPolicy",
        "ScheduleKeyDeletion",
        "TagResource",
        "UntagResource",
        "UpdateKeyDescription",
    }
)
"""The operations that the sandbox has. Grants, asymmetric keys and re-encryption are not among them."""

ALLOWED_WHILE_PENDING_DELETION = READING_OPERATIONS | {"CancelKeyDeletion", "DeleteAlias", "PutKeyPolicy"}
ALIASES_ACCEPTED = CRYPTOGRAPHIC_OPERATIONS | {"DescribeKey"}

KEY_ID_LENGTH = 36
"""moto begins a ciphertext with the id of its key; AWS's ciphertexts name their key as well."""

UNREADABLE_CIPHERTEXT = (
    "The ciphertext refers to a customer master key that does not exist, does not exist in this region, "
    "or you are not allowed to access."
)
SYMMETRIC_KEY = {
    "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
    "KeySpec": "SYMMETRIC_DEFAULT",
    "KeyUsage": "ENCRYPT_DECRYPT",
    "Origin": "AWS_KMS",
    "MultiRegion": False,
}


def keys_of_request(call: ServiceRequest) -> tuple[Key, ...]:
    """Return the keys that a request is about. Raises AwsError if there is no such key or alias."""
    if call.operation == "Decrypt":
        return (_key_of_ciphertext(call),)
    if call.operation == "CreateAlias":
        return (find_key(call, call.required_text("TargetKeyId")),)
    if call.operation in ALIAS_OPERATIONS:
        alias = call.required_text("AliasName")
        key = moto_state.find_key_by_alias(call.region, alias)
        if key is None:
            raise AwsError(
                "NotFoundException", f"Alias {regional_arn('kms', call.region, alias)} is not found."
            )
        target = call.text("TargetKeyId")
        return (key,) if target is None else (key, find_key(call, target))
    return (find_key(call, call.required_text("KeyId")),)


def find_key(call: ServiceRequest, identifier: str) -> Key:
    """Find a key by id, ARN, alias or alias ARN; raises AwsError (NotFoundException) as KMS does."""
    local = identifier
    if identifier.startswith("arn:"):
        prefix = regional_arn("kms", call.region, "")
        if not identifier.startswith(prefix):
            raise AwsError("NotFoundException", f"Invalid arn {call.region}")
        local = identifier.removeprefix(prefix).removeprefix("key/")
    if local.startswith("alias/"):
        if call.operation not in ALIASES_ACCEPTED:
            raise AwsError("NotFoundException", f"Invalid keyId '{identifier}'")
        key = moto_state.find_key_by_alias(call.region, local)
        if key is None:
            raise AwsError(
                "NotFoundException", f"Alias {regional_arn('kms', call.region, local)} is not found."
            )
        return key
    key = moto_state.keys(call.region).get(local)
    if key is None:
        raise AwsError(
            "NotFoundException", f"Key '{regional_arn('kms', call.region, f'key/{local}')}' does not exist"
        )
    return key


def check_request(
    call: ServiceRequest, caller: Caller, held: Permissions, context: Mapping[str, ContextValue]
) -> None:
    """Raise AwsError where KMS would refuse an authorized request and moto would not.

    ``held`` are the caller's own policies, which the safety check of a key policy asks, too.
    """
    if call.operation not in ("CreateKey", "ListKeys", "ListAliases"):
        for key in keys_of_request(call):
            _check_state(call.operation, key)
    if call.operation == "CreateKey":
        for name, only in SYMMETRIC_KEY.items():
            if call.parameters.get(name, only) != only:
                raise not_implemented(call.protocol, f"A key with {name} {call.parameters[name]}")
        if call.text("Policy") is not None:
            _check_policy(call, caller, held, context)
    elif call.operation == "PutKeyPolicy":
        _check_policy(call, caller, held, context)
    elif call.operation == "ScheduleKeyDeletion":
        window = call.parameters.get("PendingWindowInDays", 30)
        if not isinstance(window, int) or not 7 <= window <= 30:
            raise AwsError("ValidationException", "PendingWindowInDays must be between 7 and 30")
    elif call.operation in ALIAS_OPERATIONS:
        if call.required_text("AliasName").startswith("alias/aws/"):
            raise AwsError("NotAuthorizedException", "")
    elif call.operation == "EnableKeyRotation":
        if call.parameters.get("RotationPeriodInDays", 365) != 365:
            raise not_implemented(call.protocol, "A rotation period other than 365 days")
    elif call.operation == "Decrypt":
        named = call.text("KeyId")
        if named is not None and find_key(call, named) is not _key_of_ciphertext(call):
            raise AwsError(
                "IncorrectKeyException",
                "The key ID in the request does not identify a CMK that can perform this operation.",
            )


def _check_policy(
    call: ServiceRequest, caller: Caller, held: Permissions, context: Mapping[str, ContextValue]
) -> None:
    try:
        policy = parse_policy(call.required_text("Policy"))
    except MalformedPolicyError as error:
        raise AwsError("MalformedPolicyDocumentException", str(error)) from error
    for statement in policy.statements:
        if statement.principals is None:
            raise AwsError(
                "MalformedPolicyDocumentException", "A statement of a key policy must have a Principal."
            )
        if not statement.resources:
            raise AwsError(
                "MalformedPolicyDocumentException", "A statement of a key policy must have a Resource."
            )
    try:
        ids = existing_principals(policy)
    except UnknownPrincipalError as error:
        raise AwsError(
            "MalformedPolicyDocumentException",
            "Policy contains a statement with one or more invalid principals.",
        ) from error
    if call.parameters.get("BypassPolicyLockoutSafetyCheck") is True:
        return
    # A policy that leaves it to IAM locks out whoever has no kms:PutKeyPolicy there. Source: the Service
    # Authorization Reference, in which kms:CreateKey depends on kms:PutKeyPolicy.
    key = find_key(call, call.required_text("KeyId")) if call.operation == "PutKeyPolicy" else None
    again = AccessRequest(
        "kms:PutKeyPolicy",
        regional_arn("kms", call.region, "key/*") if key is None else key.arn,
        {
            **context,
            "kms:bypasspolicylockoutsafetycheck": None,
            "kms:resourcealiases": () if key is None else tuple(key.aliases),
        },
    )
    if key_denial(again, caller, held.identity, held.boundary, policy, ids) is not None:
        raise AwsError(
            "MalformedPolicyDocumentException",
            "The new key policy will not allow you to update the key policy in the future.",
        )


def _check_state(operation: str, key: Key) -> None:
    if key.key_state == "PendingDeletion" and operation not in ALLOWED_WHILE_PENDING_DELETION:
        raise AwsError("KMSInvalidStateException", f"{key.arn} is pending deletion.")
    if key.key_state != "PendingDeletion" and operation == "CancelKeyDeletion":
        raise AwsError("KMSInvalidStateException", f"{key.arn} is not pending deletion.")
    if key.key_state == "Disabled" and operation in CRYPTOGRAPHIC_OPERATIONS | ROTATION_OPERATIONS:
        raise AwsError("DisabledException", f"{key.arn} is disabled.")


def _key_of_ciphertext(call: ServiceRequest) -> Key:
    try:
        ciphertext = base64.b64decode(call.required_text("CiphertextBlob"), validate=True)
        key_id = ciphertext[:KEY_ID_LENGTH].decode("ascii")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise AwsError("InvalidCiphertextException", "") from error
    if re.fullmatch(r"[0-9a-f-]{36}", key_id) is None:
        raise AwsError("InvalidCiphertextException", "")
    key = moto_state.keys(call.region).get(key_id)
    if key is None:
        raise AwsError("AccessDeniedException", UNREADABLE_CIPHERTEXT)
    return key
