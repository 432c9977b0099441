"""Finds the resources of the stack that exist in AWS, by the names that the settings give them.

The ids are those of Pulumi's provider. Source: the section "Import" of its pages.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from components.aws.credentials import CredentialSource
from components.errors import DeploymentError
from components.planned_resource import Finder, Plan, PlannedResource
from components.progress import say
from components.resource_types import (
    AWS_SECRET,
    IAM_POLICY,
    IAM_ROLE,
    INGRESS_RULE,
    KMS_ALIAS,
    KMS_KEY,
    POD_IDENTITY_ASSOCIATION,
)

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import SecurityGroupRuleTypeDef
    from mypy_boto3_secretsmanager.type_defs import DescribeSecretResponseTypeDef

Answer = TypeVar("Answer")

_MISSING = frozenset({"NoSuchEntity", "NotFoundException", "ResourceNotFoundException"})
_MISSING_OF_BUCKETS = frozenset(
    {
        "404",
        "NoSuchBucket",
        "NoSuchBucketPolicy",
        "NoSuchLifecycleConfiguration",
        "NoSuchPublicAccessBlockConfiguration",
        "ServerSideEncryptionConfigurationNotFoundError",
    }
)
_BUCKET_QUESTIONS: Mapping[str, tuple[str, str]] = {
    "aws:s3/bucket:Bucket": ("head_bucket", "s3:ListBucket"),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": (
        "get_bucket_lifecycle_configuration",
        "s3:GetLifecycleConfiguration",
    ),
    "aws:s3/bucketPolicy:BucketPolicy": ("get_bucket_policy", "s3:GetBucketPolicy"),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": (
        "get_public_access_block",
        "s3:GetBucketPublicAccessBlock",
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": (
        "get_bucket_encryption",
        "s3:GetEncryptionConfiguration",
    ),
    "aws:s3/bucketVersioning:BucketVersioning": ("get_bucket_versioning", "s3:GetBucketVersioning"),
}
"""What a bucket and its settings are looked for by, with the right for it; the id is the bucket's name."""
_DENIED = frozenset({"AccessDenied", "AccessDeniedException"})


class ExistingAwsResources:
    """Looks for the resources of one plan with the credentials of whoever deploys.

    Raises :class:`DeploymentError` if these don't work, or are of an account that may not be used.
    """

    def __init__(self, plan: Plan, credentials: CredentialSource, *, region: str) -> None:
        self._plan = plan
        try:
            self._session = credentials.session(region)
        except (BotoCoreError, ClientError) as error:
            raise DeploymentError(f"The AWS credentials can't be used: {error}") from None
        self._config = Config(connect_timeout=10, read_timeout=20, retries={"mode": "standard"})
        self.finders: Mapping[str, Finder] = {
            KMS_ALIAS: self._alias,
            KMS_KEY: self._key,
            IAM_ROLE: self._role,
            IAM_POLICY: self._policy,
            "aws:iam/rolePolicyAttachment:RolePolicyAttachment": self._attachment,
            INGRESS_RULE: self._rule,
            POD_IDENTITY_ASSOCIATION: self._association,
            AWS_SECRET: self._secret,
            "aws:secretsmanager/secretPolicy:SecretPolicy": self._secret_policy,
            **dict.fromkeys(_BUCKET_QUESTIONS, self._of_bucket),
        }

    def _alias(self, alias: PlannedResource) -> str | None:
        return alias.text("name") if self._target(alias) is not None else None

    def _key(self, key: PlannedResource) -> str | None:
        """Return the id of the key that its alias, or the secret that it encrypts, leads to."""
        if (alias := self._plan.sibling(key, KMS_ALIAS)) is not None:
            return self._target(alias)
        described = self._described_secret(self._plan.sibling(key, AWS_SECRET))
        return described.get("KmsKeyId", "").rpartition("/")[2] or None if described is not None else None

    def _target(self, alias: PlannedResource) -> str | None:
        kms, name = self._client("kms"), alias.text("name")
        pages = kms.get_paginator("list_aliases").paginate()
        aliases = self._ask("kms:ListAliases", lambda: [one for page in pages for one in page["Aliases"]])
        return next((one.get("TargetKeyId") for one in aliases or () if one["AliasName"] == name), None)

    def _role(self, role: PlannedResource) -> str | None:
        name = role.text("name")
        found = self._ask("iam:GetRole", lambda: self._client("iam").get_role(RoleName=name), by_name=True)
        return name if found is not None else None

    def _policy(self, policy: PlannedResource) -> str | None:
        arn = self._policy_arn(policy)
        found = self._ask("iam:GetPolicy", lambda: self._client("iam").get_policy(PolicyArn=arn))
        return arn if found is not None else None

    def _policy_arn(self, policy: PlannedResource) -> str:
        caller = self._ask("sts:GetCallerIdentity", lambda: self._client("sts").get_caller_identity()["Arn"])
        _, partition, _, _, account, _ = str(caller).split(":", 5)
        return f"arn:{partition}:iam::{account}:policy{policy.text('path') or '/'}{policy.text('name')}"

    def _attachment(self, attachment: PlannedResource) -> str | None:
        owner, policy = (self._plan.sibling(attachment, one) for one in (IAM_ROLE, IAM_POLICY))
        if owner is None or policy is None:
            return None
        role = owner.text("name")
        arn = self._policy_arn(policy)
        pages = self._client("iam").get_paginator("list_attached_role_policies").paginate(RoleName=role)
        attached = self._ask(
            "iam:ListAttachedRolePolicies",
            lambda: [one["PolicyArn"] for page in pages for one in page["AttachedPolicies"]],
            by_name=True,
        )
        return f"{role}/{arn}" if arn in (attached or ()) else None

    def _association(self, association: PlannedResource) -> str | None:
        """Return cluster and id of the association of a service account, which has one at most."""
        cluster = association.text("clusterName")
        found = self._ask(
            "eks:ListPodIdentityAssociations",
            lambda: self._client("eks").list_pod_identity_associations(
                clusterName=cluster,
                namespace=association.text("namespace"),
                serviceAccount=association.text("serviceAccount"),
            )["associations"],
        )
        return next((f"{cluster},{one['associationId']}" for one in found or ()), None)

    def _rule(self, rule: PlannedResource) -> str | None:
        """Return the id of an equal rule, which AWS takes once in a group."""
        group = rule.text("securityGroupId")
        pages = (
            self._client("ec2")
            .get_paginator("describe_security_group_rules")
            .paginate(Filters=[{"Name": "group-id", "Values": [group]}])
        )
        rules = self._ask(
            "ec2:DescribeSecurityGroupRules",
            lambda: [one for page in pages for one in page["SecurityGroupRules"]],
        )
        return next((one["SecurityGroupRuleId"] for one in rules or () if _is_equal(one, rule)), None)

    def _secret(self, secret: PlannedResource) -> str | None:
        described = self._described_secret(secret)
        if described is None:
            return None
        if described.get("DeletedDate") is not None:
            name = secret.text("name")
            raise DeploymentError(
                f"The AWS secret {name} is scheduled for deletion. Restore it, and run this again: aws "
                f"secretsmanager restore-secret --region {self._session.region_name} --secret-id {name}"
            )
        return described["ARN"]

    def _secret_policy(self, policy: PlannedResource) -> str | None:
        described = self._described_secret(self._plan.sibling(policy, AWS_SECRET))
        if described is None:
            return None
        found = self._ask(
            "secretsmanager:GetResourcePolicy",
            lambda: self._client("secretsmanager").get_resource_policy(SecretId=described["ARN"]),
        )
        return described["ARN"] if found is not None and found.get("ResourcePolicy") else None

    def _described_secret(self, secret: PlannedResource | None) -> "DescribeSecretResponseTypeDef | None":
        if secret is None:
            return None
        name = secret.text("name")
        return self._ask(
            "secretsmanager:DescribeSecret",
            lambda: self._client("secretsmanager").describe_secret(SecretId=name),
            by_name=True,
        )

    def _of_bucket(self, resource: PlannedResource) -> str | None:
        """Return the bucket's name if the bucket, or what is set on it, is there."""
        bucket = resource.text("bucket")
        operation, action = _BUCKET_QUESTIONS[resource.type]
        found = self._ask(action, lambda: getattr(self._client("s3"), operation)(Bucket=bucket))
        return bucket if found is not None else None

    def _client(self, service: str) -> Any:
        # The stubs have an overload for each literal name of a service.
        return self._session.client(service, config=self._config)  # type: ignore[call-overload]

    def _ask(self, action: str, call: Callable[[], Answer], *, by_name: bool = False) -> Answer | None:
        """Return AWS's answer; None if it knows nothing of that name.

        ``by_name`` says that a name is asked for whose ARN has more in it, a path or a suffix. If nothing has
        that name, AWS finds no right to ask for it.
        """
        try:
            return call()
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code")
            if code in _MISSING | _MISSING_OF_BUCKETS:
                return None
            rights = "It takes the rights of python -m components aws-policy preview."
            if by_name and code in _DENIED:
                say(f"{action} is denied, as it also is if nothing has that name: {error}\n{rights}")
                return None
            raise DeploymentError(f"{action} failed: {error}\n{rights}") from None
        except BotoCoreError as error:
            raise DeploymentError(f"{action} can't be asked for: {error}") from None


def _is_equal(found: "SecurityGroupRuleTypeDef", rule: PlannedResource) -> bool:
    source = found.get("ReferencedGroupInfo", {}).get("GroupId")
    return (
        not found.get("IsEgress")
        and found.get("IpProtocol") == rule.text("ipProtocol")
        and (found.get("FromPort"), found.get("ToPort"))
        == (rule.inputs.get("fromPort"), rule.inputs.get("toPort"))
        and source == rule.text("referencedSecurityGroupId")
    )
