"""What moto stores, read from its backends in this process: the only module that knows how moto keeps it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from moto.eks.models import Cluster, eks_backends
from moto.iam.models import Group, IAMBackend, ManagedPolicy, Role, User, iam_backends
from moto.kms.models import Key, kms_backends
from moto.s3.models import FakeBucket, PublicAccessBlock, s3_backends
from moto.secretsmanager.models import FakeSecret, secretsmanager_backends

from sandbox.aws.account import ACCOUNT_ID, PARTITION


@dataclass(frozen=True)
class AccessKey:
    """A user's access key."""

    user_name: str
    secret_access_key: str
    active: bool


@dataclass(frozen=True)
class IdentityProvider:
    """An IAM OIDC provider; ``issuer`` is its URL with ``https://``."""

    arn: str
    issuer: str
    client_ids: tuple[str, ...]


def keep_rule_descriptions() -> None:
    """Make security-group rules answer the description that was given with a source group.

    moto 5.2.5 answers only one that was given with an address range, so a refresh would take the
    rule's away (`SecurityGroupRule.description` in moto/ec2/models/security_groups.py).
    """
    # Here and not above: EC2 takes a second to load.
    from moto.ec2.models.security_groups import SecurityGroupRule

    def description(rule: SecurityGroupRule) -> str | None:
        return rule.ip_range.get("Description") or (rule.source_group or {}).get("Description")

    setattr(SecurityGroupRule, "description", property(description))  # noqa: B010  # mypy allows no assignment to a property


def name_unknown_rules() -> None:
    """Make a revocation of an unknown rule, by its id, fail with the code that EC2 has for it.

    moto 5.2.5 has the one for a rule that was given by its permissions (`revoke_security_group_ingress`).
    """
    from moto.ec2.exceptions import InvalidPermissionNotFoundError, InvalidSecurityGroupRuleIdNotFoundError
    from moto.ec2.models.security_groups import SecurityGroupBackend

    revoke = SecurityGroupBackend.revoke_security_group_ingress

    def revoke_known(backend: SecurityGroupBackend, *arguments: Any, **options: Any) -> None:
        try:
            revoke(backend, *arguments, **options)
        except InvalidPermissionNotFoundError:
            if options.get("security_rule_ids"):
                raise InvalidSecurityGroupRuleIdNotFoundError(options["security_rule_ids"][0]) from None
            raise

    setattr(SecurityGroupBackend, "revoke_security_group_ingress", revoke_known)  # noqa: B010  # mypy allows no assignment to a method


def iam() -> IAMBackend:
    """IAM of the account."""
    return iam_backends[ACCOUNT_ID][PARTITION]


def find_role(name: str) -> Role | None:
    """Find a role by its name (without path)."""
    return next((role for role in iam().roles.values() if role.name == name), None)


def find_user(name: str) -> User | None:
    """Find a user by name."""
    return iam().users.get(name)


def find_group(name: str) -> Group | None:
    """Find a group by name."""
    return iam().groups.get(name)


def find_policy(arn: str) -> ManagedPolicy | None:
    """Find a managed policy by ARN."""
    return iam().managed_policies.get(arn)


def find_access_key(access_key_id: str) -> AccessKey | None:
    """Find a user's access key by id."""
    for user in iam().users.values():
        for key in user.access_keys:
            if key.access_key_id == access_key_id:
                return AccessKey(user.name, key.secret_access_key, key.status == "Active")
    return None


def find_identity_provider(issuer: str) -> IdentityProvider | None:
    """Find the OIDC provider registered for an issuer's URL."""
    for provider in iam().open_id_providers.values():
        if f"https://{provider.url}" == issuer:
            return IdentityProvider(provider.arn, issuer, tuple(provider.client_id_list))
    return None


def create_user_with_access_key(
    name: str, policy: str, access_key_id: str, secret_access_key: str, region: str
) -> None:
    """Make a user with one inline policy and a given access key; moto itself only makes random ones."""
    user = iam().create_user(region, name)
    user.put_policy("inline", policy)
    key = iam().create_access_key(name)
    del iam().access_keys[key.access_key_id]
    key.access_key_id = access_key_id
    key.secret_access_key = secret_access_key
    iam().access_keys[access_key_id] = key


def policy_documents(entity: Role | User) -> Iterator[str]:
    """Return the text of every identity policy of a role or user: inline, attached and of a user's groups."""
    yield from entity.policies.values()
    for policy in entity.managed_policies.values():
        yield default_version(policy)
    if isinstance(entity, User):
        for group in iam().get_groups_for_user(entity.name):
            yield from group.policies.values()
            for policy in group.managed_policies.values():
                yield default_version(policy)


def default_version(policy: ManagedPolicy) -> str:
    """Return the text of a managed policy's default version."""
    version = iam().get_policy_version(policy.arn, policy.default_version_id)
    return str(version.document)


def entities_of_policy(policy_arn: str) -> list[str]:
    """Return the ARNs of users, groups and roles that have a managed policy attached or as their boundary."""
    roles = [
        role.arn
        for role in iam().roles.values()
        if policy_arn in role.managed_policies or role.permissions_boundary_arn == policy_arn
    ]
    others: list[User | Group] = [*iam().users.values(), *iam().groups.values()]
    return roles + [entity.arn for entity in others if policy_arn in entity.managed_policies]


def keys(region: str) -> dict[str, Key]:
    """Return the KMS keys of a region by key id."""
    return kms_backends[ACCOUNT_ID][region].keys


def find_key_by_alias(region: str, alias: str) -> Key | None:
    """Find the key that an alias of the account's own (``alias/name``) stands for."""
    return next((key for key in keys(region).values() if alias in key.aliases), None)


def find_secret(region: str, identifier: str) -> FakeSecret | None:
    """Find a secret by name, by ARN or by an ARN without the six characters that AWS puts behind the name."""
    found = secretsmanager_backends[ACCOUNT_ID][region].secrets.get(identifier)
    return found if isinstance(found, FakeSecret) else None


def find_cluster(region: str, name: str) -> Cluster | None:
    """Find an EKS cluster by name."""
    return eks_backends[ACCOUNT_ID][region].clusters.get(name)


def leave_bucket_policies_alone() -> None:
    """Make moto not judge requests by bucket policies, which it does for some, and without conditions.

    (`FakeBucket.get_permission` in moto 5.2.5; the gateway has judged already.)
    """
    from moto.iam.access_control import PermissionResult

    def neutral(_bucket: FakeBucket, _action: str, _resource: str) -> PermissionResult:
        return PermissionResult.NEUTRAL

    setattr(FakeBucket, "get_permission", neutral)  # noqa: B010  # mypy allows no assignment to a method


def find_bucket(name: str) -> FakeBucket | None:
    """Find a bucket by name."""
    return s3_backends[ACCOUNT_ID][PARTITION].buckets.get(name)


def has_object(bucket: FakeBucket, key: str, version: str | None) -> bool:
    """Tell if there is an object, or this version of it; a deletion's mark is none."""
    return s3_backends[ACCOUNT_ID][PARTITION].get_object(bucket.name, key, version_id=version) is not None


def object_encryption(bucket: FakeBucket, key: str, version: str | None) -> tuple[str | None, str | None]:
    """Return the algorithm and the KMS key that an object is encrypted with."""
    found = s3_backends[ACCOUNT_ID][PARTITION].get_object(bucket.name, key, version_id=version)
    return (None, None) if found is None else (found.encryption, found.kms_key_id)


def upload_encryption(bucket: FakeBucket, key: str, upload_id: str) -> tuple[str | None, str | None] | None:
    """Return the algorithm and the KMS key that a multi-part upload was begun with; None if there is none."""
    upload = bucket.multiparts.get(upload_id)
    if upload is None or upload.key_name != key:
        return None
    return upload.sse_encryption, upload.kms_key_id


def default_encryption(bucket: FakeBucket) -> tuple[str | None, str | None]:
    """Return the algorithm and the KMS key of objects for which no other are asked for."""
    default = (bucket.encryption or {}).get("Rule", {}).get("ApplyServerSideEncryptionByDefault", {})
    return default.get("SSEAlgorithm"), default.get("KMSMasterKeyID")


def bucket_key_enabled(bucket: FakeBucket) -> bool:
    """Tell if one data key of KMS' is used for many objects of a bucket."""
    return str((bucket.encryption or {}).get("Rule", {}).get("BucketKeyEnabled")).lower() == "true"


def encrypt_by_default(bucket: FakeBucket) -> None:
    """Encrypt a bucket's objects as S3 does by itself."""
    default = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}
    bucket.encryption = {"Rule": default}


def give_bucket_defaults(bucket: FakeBucket, ownership: str) -> None:
    """Give a new bucket what S3 gives it: closed to the public, encrypted, with this ownership of objects."""
    encrypt_by_default(bucket)
    bucket.public_access_block = PublicAccessBlock("true", "true", "true", "true")
    setattr(bucket, "ownership_rule", ownership)  # noqa: B010  # moto keeps a text and declares a dict


def ownership(bucket: FakeBucket) -> str:
    """Return who owns a bucket's objects; empty if nothing is set."""
    return str(bucket.ownership_rule or "")


def keep_lifecycle(bucket: FakeBucket, configuration: bytes) -> None:
    """Keep a lifecycle configuration as it was sent: moto 5.2.5 drops how many former versions stay."""
    setattr(bucket, "sent_lifecycle", configuration)  # noqa: B010  # moto has no such property


def kept_lifecycle(bucket: FakeBucket) -> bytes | None:
    """Return the lifecycle configuration as it was sent; None if there is none."""
    sent: bytes | None = getattr(bucket, "sent_lifecycle", None)
    return sent if bucket.rules else None


def blocks_public_policy(bucket: FakeBucket) -> bool:
    """Tell if a bucket takes no policy that opens it to the public."""
    block = bucket.public_access_block
    return block is not None and str(block.block_public_policy).lower() == "true"


def set_etag(bucket: FakeBucket, key: str, digest: str) -> str:
    """Replace the digest in an object's ETag, which keeps its number of parts; returns the new ETag."""
    found = s3_backends[ACCOUNT_ID][PARTITION].get_object(bucket.name, key)
    if found is None:
        raise AssertionError("the object was just written")
    _, dash, parts = found.etag.strip('"').partition("-")
    found._etag = f"{digest}{dash}{parts}"  # moto has no way to set it
    return str(found.etag)
