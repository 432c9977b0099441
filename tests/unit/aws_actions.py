"""What AWS itself says of its actions: the Service Authorization Reference, as a policy linter ships it."""

import fnmatch
from collections.abc import Mapping
from typing import Any

import parliament  # type: ignore[import-untyped]  # it ships no types

SERVICES: Mapping[str, Any] = {service["prefix"]: service for service in parliament.iam_definition}
EVERY_ACTION = {
    f"{prefix}:{privilege['privilege']}"
    for prefix, service in SERVICES.items()
    for privilege in service["privileges"]
}

# The statement "Allow access for key administrators" of the KMS guide, "Default key policy".
_OF_KEY_ADMINISTRATORS = (
    *(
        "Create*",
        "Describe*",
        "Enable*",
        "List*",
        "Put*",
        "Update*",
        "Revoke*",
        "Disable*",
        "Get*",
        "Delete*",
    ),
    *("TagResource", "UntagResource", "ScheduleKeyDeletion", "CancelKeyDeletion", "RotateKeyOnDemand"),
)
_NOT_FOR_THIS_KEY = {
    "CreateGrant",  # would hand on the use of the key
    "DeleteImportedKeyMaterial",
    "GetParametersForImport",
    "GetPublicKey",  # of asymmetric keys
    "UpdatePrimaryRegion",  # of keys in several regions
}
KEY_ADMINISTRATION = {
    f"kms:{privilege['privilege']}"
    for privilege in SERVICES["kms"]["privileges"]
    if any(fnmatch.fnmatchcase(privilege["privilege"], pattern) for pattern in _OF_KEY_ADMINISTRATORS)
    and any(kind["resource_type"].rstrip("*") == "key" for kind in privilege["resource_types"])
    and privilege["privilege"] not in _NOT_FOR_THIS_KEY
}
"""What AWS gives a key's administrators, without its use, for a symmetric key of one region."""
