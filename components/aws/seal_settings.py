"""Reads the settings of the seal awskms; what the values mean is declared in `settings.py`."""

from collections.abc import Sequence

from components.aws.settings import (
    ExistingKeySettings,
    ExistingRoleSettings,
    IdentityKind,
    KeySettings,
    RoleSettings,
    StaticKeySettings,
)
from components.config.patterns import AWS_REGION, SECRET_KEY, SECRET_NAME
from components.config.reader import ConfigReader

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
IAM_NAME = r"[\w+=,.@-]+"
IAM_PATH = r"/([\x21-\x7e]+/)?"
# https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html#key-id-key-ARN
KEY_ID = r"mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
KEY_ARN = rf"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{{12}}:key/({KEY_ID})"
USER_ARN = rf"arn:aws[a-z-]*:iam::\d{{12}}:user{IAM_PATH}{IAM_NAME}"
ROLE_ARN = rf"arn:aws[a-z-]*:iam::\d{{12}}:role{IAM_PATH}{IAM_NAME}"


def read_key(reader: ConfigReader) -> KeySettings | ExistingKeySettings:
    """Read the section `key`."""
    fix = (
        "give the ARN of a KMS key, arn:aws:kms:<region>:<account>:key/<id>; not of an alias, which can be "
        "moved to a key that opens nothing"
    )
    arn = reader.text("arn", None, KEY_ARN, fix)
    if reader.has("arn"):
        not_own = "the key of key.arn isn't this stack's to name, rotate or delete; remove it"
        reader.not_applicable(("alias", "deletionWindowDays", "rotation", "retainOnDestroy"), not_own)
        reader.unknown_keys()
        return ExistingKeySettings(arn or "")
    key = KeySettings(
        alias=reader.text(
            "alias",
            "alias/vault-auto-unseal",
            # https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateAlias.html
            r"alias/(?!aws/)[A-Za-z0-9/_-]{1,250}",
            "begin with alias/ (but not alias/aws/) and go on with letters, digits, / _ or -",
        ),
        deletion_window_days=reader.integer(
            "deletionWindowDays", 30, range(7, 31), "use 7 to 30 days, the bounds that KMS sets"
        ),
        rotation=reader.flag("rotation", True),
        retain_on_destroy=reader.flag("retainOnDestroy", True),
    )
    reader.unknown_keys()
    return key


def read_role(reader: ConfigReader, default_name: str) -> RoleSettings | ExistingRoleSettings:
    """Read the section `role`."""
    fix = "give the ARN of an IAM role, arn:aws:iam::<account>:role/<name>, with its path"
    arn = reader.text("arn", None, ROLE_ARN, fix)
    if reader.has("arn"):
        not_own = "the role of role.arn isn't this stack's to name or limit; remove it"
        reader.not_applicable(("name", "policyName", "path", "permissionsBoundary"), not_own)
        reader.unknown_keys()
        return ExistingRoleSettings(arn or "")
    name = reader.text("name", default_name, IAM_NAME, "use at most 64 of A-Z a-z 0-9 + = , . @ _ -", 64)
    if len(name) > 64:
        reader.report("name", f"the default {name!r} is longer than the 64 characters that IAM takes; set it")
    role = RoleSettings(
        name=name,
        policy_name=reader.text(
            "policyName", name, IAM_NAME, "use at most 128 of A-Z a-z 0-9 + = , . @ _ -", 128
        ),
        path=reader.text("path", "/", IAM_PATH, "begin and end with a slash", 512),
        permissions_boundary=reader.text(
            "permissionsBoundary",
            None,
            r"arn:aws[a-z-]*:iam::(\d{12}|aws):policy/.+",
            "give the ARN of an IAM policy",
        ),
    )
    reader.unknown_keys()
    return role


def read_identity(
    settings: ConfigReader, key: KeySettings | ExistingKeySettings, *, on_eks: bool
) -> tuple[IdentityKind, StaticKeySettings | None]:
    """Read the section `identity` and, for a key of the stack on a cluster other than EKS, `region`.

    The second value is None unless Vault's pods have a user's access key.
    """
    reader = settings.section("identity")
    kinds: Sequence[IdentityKind] = ("irsa", "pod-identity", "static")
    kind = reader.choice("kind", "irsa", kinds, "docs/seals.md says when to choose which")
    user_fix = "give the ARN of Vault's IAM user, arn:aws:iam::<account>:user/<name>, which may use the key"
    own_key = isinstance(key, KeySettings)
    if kind != "static":
        unused = ("secret", "accessKeyIdEntry", "secretAccessKeyEntry", "userArn")
        reader.not_applicable(unused, f"identity.kind is {kind}, which has no use for it; remove it")
    elif not own_key:
        owner = "the key of key.arn isn't this stack's, so its owner lets the user use it; remove it"
        reader.not_applicable(("userArn",), owner)
    elif not reader.has("userArn"):
        reader.report("userArn", user_fix)
    region = ""
    if kind == "static" and own_key and not on_eks:
        region = settings.required_text("region", AWS_REGION, "give the AWS region of the key")
    entry = "name the entry in the Secret's data"
    static_keys = StaticKeySettings(
        secret=reader.text("secret", "vault-aws-key", SECRET_NAME, "name a Secret in Vault's namespace"),
        access_key_id=reader.text("accessKeyIdEntry", "AWS_ACCESS_KEY_ID", SECRET_KEY, entry),
        secret_access_key=reader.text("secretAccessKeyEntry", "AWS_SECRET_ACCESS_KEY", SECRET_KEY, entry),
        user_arn=reader.text("userArn", None, USER_ARN, user_fix),
        region=region,
    )
    reader.unknown_keys()
    return kind, static_keys if kind == "static" else None
