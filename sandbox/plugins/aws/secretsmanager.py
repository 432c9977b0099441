"""``aws:secretsmanager/secret:Secret`` and ``aws:secretsmanager/secretPolicy:SecretPolicy``."""

import json
from typing import TYPE_CHECKING, ClassVar, Final

from typing_extensions import override

from sandbox.plugins.aws.api import error_code, failing_as
from sandbox.plugins.aws.policy_documents import policy_property
from sandbox.plugins.aws.resource_type import AwsResourceType
from sandbox.plugins.aws.tags import tag_changes, tag_outputs, tags_of
from sandbox.plugins.bridged_schema import Autonaming, Property, Schema
from sandbox.plugins.property_values import PropertyMap, PropertyValue
from sandbox.plugins.provider import Created, PartialFailureError, ProviderError, Resource
from sandbox.plugins.validation import length_between, matching, only

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from mypy_boto3_secretsmanager.type_defs import CreateSecretRequestTypeDef, UpdateSecretRequestTypeDef

_SERVICE: Final = "secretsmanager"


def _recovery_window(name: str, value: PropertyValue) -> str | None:
    if isinstance(value, int) and (value == 0 or 7 <= value <= 30):
        return None
    return f"expected {name} to be 0 or in the range (7 - 30), got {value}"


class Secret(AwsResourceType):
    """A secret without its value; its id is its ARN. Once its deletion is scheduled, it counts as gone."""

    token = "aws:secretsmanager/secret:Secret"  # noqa: S105 - a type's name
    schema: ClassVar[Schema] = Schema(
        inputs=(
            Property("description"),
            Property(
                "forceOverwriteReplicaSecret",
                "boolean",
                default=False,
                read_back=False,
                validators=(only(False, "aws"),),
            ),
            Property("kmsKeyId"),
            Property(
                "name",
                replaces=True,
                validators=(
                    length_between(1, 512),
                    matching(r"[0-9A-Za-z/_+=.@-]+", "to have alphanumeric characters and /_+=.@- only"),
                ),
            ),
            Property(
                "recoveryWindowInDays", "integer", default=30, read_back=False, validators=(_recovery_window,)
            ),
            Property("tags", "map"),
        ),
        outputs=("arn", "namePrefix", "policy", "region", "replicas", "tagsAll"),
        not_implemented=frozenset({"namePrefix", "policy", "region", "replicas", "type"}),
        autonaming=Autonaming(maximum_length=255),
    )

    def make(self, inputs: PropertyMap) -> Created:
        """Create the secret."""
        name, key = str(inputs["name"]), inputs.get("kmsKeyId")
        request: CreateSecretRequestTypeDef = {
            "Name": name,
            "Description": str(inputs.get("description", "")),
            "ForceOverwriteReplicaSecret": False,
            "Tags": [{"Key": key, "Value": value} for key, value in tags_of(inputs).items()],
        }
        if isinstance(key, str) and key:
            request["KmsKeyId"] = key
        with failing_as(f"creating Secrets Manager Secret ({name})", _SERVICE):
            arn = self.aws.client(_SERVICE).create_secret(**request)["ARN"]
        state: PropertyMap = {**inputs, "arn": arn, "tagsAll": inputs.get("tags", {})}
        try:
            return Created(arn, self.recorded(arn, state))
        except ProviderError as error:
            raise PartialFailureError(str(error), arn, state) from error

    @override
    def look(self, identifier: str, state: PropertyMap) -> PropertyMap | None:
        """Describe the secret, and read its resource policy."""
        from botocore.exceptions import ClientError

        client = self.aws.client(_SERVICE)
        with failing_as(f"reading Secrets Manager Secret ({identifier})", _SERVICE):
            try:
                described = client.describe_secret(SecretId=identifier)
            except ClientError as error:
                if error_code(error) == "ResourceNotFound":
                    return None
                raise
        if described.get("DeletedDate") is not None:
            return None
        with failing_as(f"reading Secrets Manager Secret ({identifier}) policy", _SERVICE):
            policy = client.get_resource_policy(SecretId=identifier).get("ResourcePolicy", "")
        live: PropertyMap = {
            "arn": identifier,
            "description": described.get("Description", ""),
            "name": described["Name"],
            "namePrefix": "",
            "policy": policy,
            "region": self.aws.region,
            "replicas": [],
            **tag_outputs((tag["Key"], tag["Value"]) for tag in described.get("Tags", [])),
        }
        if key := described.get("KmsKeyId"):
            live["kmsKeyId"] = key
        return live

    @override
    def change(self, identifier: str, state: PropertyMap, inputs: PropertyMap) -> None:
        """Set description and key together, as the real plugin does, and tags."""
        client = self.aws.client(_SERVICE)
        if any(state.get(name) != inputs.get(name) for name in ("description", "kmsKeyId")):
            request: UpdateSecretRequestTypeDef = {
                "SecretId": identifier,
                "Description": str(inputs.get("description", "")),
            }
            key = inputs.get("kmsKeyId")
            if isinstance(key, str) and key:
                request["KmsKeyId"] = key
            with failing_as(f"updating Secrets Manager Secret ({identifier})", _SERVICE):
                client.update_secret(**request)
        removed, changed = tag_changes(tags_of(state), tags_of(inputs))
        with failing_as(f"updating tags for Secrets Manager Secret ({identifier})", _SERVICE):
            if removed:
                client.untag_resource(SecretId=identifier, TagKeys=removed)
            if changed:
                client.tag_resource(
                    SecretId=identifier,
                    Tags=[{"Key": key, "Value": value} for key, value in changed.items()],
                )

    @override
    def delete(self, resource: Resource, identifier: str, state: PropertyMap) -> None:
        """Schedule the deletion; a recovery window of 0 deletes the secret at once."""
        from botocore.exceptions import ClientError

        window = state.get("recoveryWindowInDays")
        client = self.aws.client(_SERVICE)
        with failing_as(f"deleting Secrets Manager Secret ({identifier})", _SERVICE):
            try:
                if isinstance(window, int) and window:
                    client.delete_secret(SecretId=identifier, RecoveryWindowInDays=window)
                else:
                    client.delete_secret(SecretId=identifier, ForceDeleteWithoutRecovery=True)
            except ClientError as error:
                if not _gone(error):
                    raise
        # As the real plugin, which waits until the deletion is seen.
        with failing_as(f"waiting for Secrets Manager Secret ({identifier}) delete", _SERVICE):
            try:
                client.describe_secret(SecretId=identifier)
            except ClientError as error:
                if not _gone(error):
                    raise


class SecretPolicy(AwsResourceType):
    """The resource policy of a secret; its id is the secret's ARN."""

    token = "aws:secretsmanager/secretPolicy:SecretPolicy"  # noqa: S105
    schema: ClassVar[Schema] = Schema(
        inputs=(
            Property("blockPublicPolicy", "boolean", read_back=False),
            policy_property("policy", required=True),
            Property(
                "secretArn",
                required=True,
                replaces=True,
                validators=(matching(r"arn:.+", "to be an ARN"),),
            ),
        ),
        outputs=("region",),
        not_implemented=frozenset({"region"}),
    )

    def make(self, inputs: PropertyMap) -> Created:
        """Put the policy on the secret."""
        arn = self._put(str(inputs["secretArn"]), inputs)
        return Created(arn, self.recorded(arn, inputs))

    @override
    def look(self, identifier: str, state: PropertyMap) -> PropertyMap | None:
        """Read the policy."""
        from botocore.exceptions import ClientError

        with failing_as(f"reading Secrets Manager Secret Policy ({identifier})", _SERVICE):
            try:
                found = self.aws.client(_SERVICE).get_resource_policy(SecretId=identifier)
            except ClientError as error:
                if _gone(error):
                    return None
                raise
        return {
            "policy": found.get("ResourcePolicy", ""),
            "region": self.aws.region,
            "secretArn": identifier,
        }

    @override
    def change(self, identifier: str, state: PropertyMap, inputs: PropertyMap) -> None:
        """Put the new policy in the place of the old one."""
        self._put(identifier, inputs)

    @override
    def delete(self, resource: Resource, identifier: str, state: PropertyMap) -> None:
        """Take the policy off the secret, and see that it is gone, as the real plugin does."""
        from botocore.exceptions import ClientError

        client = self.aws.client(_SERVICE)
        for doing, request in (
            (f"deleting Secrets Manager Secret ({identifier}) policy", client.delete_resource_policy),
            (f"waiting for Secrets Manager Secret Policy ({identifier}) delete", client.get_resource_policy),
        ):
            with failing_as(doing, _SERVICE):
                try:
                    request(SecretId=identifier)
                except ClientError as error:
                    if not _gone(error):
                        raise

    def _put(self, secret: str, inputs: PropertyMap) -> str:
        with failing_as(f"putting Secrets Manager Secret ({secret}) policy", _SERVICE):
            answer = self.aws.client(_SERVICE).put_resource_policy(
                SecretId=secret,
                ResourcePolicy=json.dumps(
                    json.loads(str(inputs["policy"])), sort_keys=True, separators=(",", ":")
                ),
                BlockPublicPolicy=inputs.get("blockPublicPolicy") is True,
            )
        return answer["ARN"]


def _gone(error: "ClientError") -> bool:
    deleted = error_code(error) == "InvalidRequest" and "marked for deletion" in str(error)
    return deleted or error_code(error) == "ResourceNotFound"
