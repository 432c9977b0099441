"""``aws:kms/key:Key``, ``aws:kms/alias:Alias`` and the function ``aws:kms/getKey:getKey``."""

import os
import time
from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from sandbox.plugins.aws.api import Aws, error_code, failing_as, one_error
from sandbox.plugins.aws.policy_documents import policy_property
from sandbox.plugins.aws.resource_type import AwsResourceType
from sandbox.plugins.aws.tags import tag_changes, tag_outputs, tags_of
from sandbox.plugins.bridged_schema import Autonaming, Property, Schema
from sandbox.plugins.property_values import PropertyMap, PropertyValue
from sandbox.plugins.provider import Created, PartialFailureError, ProviderError, Resource
from sandbox.plugins.validation import integer_between, length_between, matching, only

if TYPE_CHECKING:
    from datetime import datetime

    from mypy_boto3_kms.type_defs import CreateKeyRequestTypeDef, KeyMetadataTypeDef

_POLICY_NAME = "default"
PROPAGATION_SECONDS = "SANDBOX_KMS_PROPAGATION_SECONDS"
"""Environment variable: seconds that a new key takes until the provider has seen its settings.

The real plugin asks for policy, tags and rotation until it has seen each several times in a row, as AWS
answers with what was there before for some seconds. Here they are there at once unless this is set.
"""


class Key(AwsResourceType):
    """A symmetric KMS key. Deleting one schedules its deletion; from then on it counts as gone."""

    token = "aws:kms/key:Key"  # noqa: S105 - a type's name
    schema: ClassVar[Schema] = Schema(
        inputs=(
            Property(
                "bypassPolicyLockoutSafetyCheck",
                "boolean",
                default=False,
                read_back=False,
                validators=(only(False, "aws"),),
            ),
            Property(
                "customerMasterKeySpec",
                default="SYMMETRIC_DEFAULT",
                replaces=True,
                validators=(only("SYMMETRIC_DEFAULT", "aws"),),
            ),
            Property(
                "deletionWindowInDays", "integer", read_back=False, validators=(integer_between(7, 30),)
            ),
            Property("description", computed=True, validators=(length_between(0, 8192),)),
            Property("enableKeyRotation", "boolean", default=False),
            Property("isEnabled", "boolean", default=True),
            Property(
                "keyUsage",
                default="ENCRYPT_DECRYPT",
                replaces=True,
                validators=(only("ENCRYPT_DECRYPT", "aws"),),
            ),
            policy_property("policy", computed=True),
            Property(
                "rotationPeriodInDays", "integer", computed=True, validators=(integer_between(90, 2560),)
            ),
            Property("tags", "map"),
        ),
        outputs=("arn", "keyId", "multiRegion", "region", "tagsAll"),
        not_implemented=frozenset({"customKeyStoreId", "multiRegion", "region", "xksKeyId"}),
    )

    def make(self, inputs: PropertyMap) -> Created:
        """Create the key, then switch on rotation and switch it off if asked."""
        kms = self.aws.client("kms")
        request: CreateKeyRequestTypeDef = {
            "KeySpec": "SYMMETRIC_DEFAULT",
            "KeyUsage": "ENCRYPT_DECRYPT",
            "Tags": [{"TagKey": key, "TagValue": value} for key, value in tags_of(inputs).items()],
        }
        policy, description = inputs.get("policy"), inputs.get("description")
        if isinstance(policy, str):
            request["Policy"] = policy
        if isinstance(description, str) and description:
            request["Description"] = description
        with failing_as("creating KMS Key", "kms"):
            metadata = kms.create_key(**request)["KeyMetadata"]
        identifier = metadata["KeyId"]
        state = {**inputs, "tagsAll": inputs.get("tags", {}), **self._identity(metadata)}
        try:
            if inputs.get("enableKeyRotation") is True:
                self._rotate(identifier, inputs)
            if inputs.get("isEnabled") is False:
                self._enable(identifier, enabled=False)
            time.sleep(float(os.environ.get(PROPAGATION_SECONDS, "0")))
            return Created(identifier, self.recorded(identifier, state))
        except ProviderError as error:
            raise PartialFailureError(str(error), identifier, state) from error

    @override
    def look(self, identifier: str, state: PropertyMap) -> PropertyMap | None:
        """Describe the key, its policy, rotation and tags."""
        from botocore.exceptions import ClientError

        kms = self.aws.client("kms")
        with failing_as(f"reading KMS Key ({identifier})", "kms"):
            try:
                metadata = kms.describe_key(KeyId=identifier)["KeyMetadata"]
            except ClientError as error:
                if error_code(error) == "NotFound":
                    return None
                raise
            if metadata.get("KeyState") in {"PendingDeletion", "PendingReplicaDeletion"}:
                return None
            policy = kms.get_key_policy(KeyId=identifier, PolicyName=_POLICY_NAME)["Policy"]
            rotation = kms.get_key_rotation_status(KeyId=identifier)
            tags = [
                (tag["TagKey"], tag["TagValue"])
                for page in kms.get_paginator("list_resource_tags").paginate(KeyId=identifier)
                for tag in page["Tags"]
            ]
        live: PropertyMap = {
            **self._identity(metadata),
            "customerMasterKeySpec": metadata.get("KeySpec", "SYMMETRIC_DEFAULT"),
            "description": metadata.get("Description", ""),
            "enableKeyRotation": rotation["KeyRotationEnabled"],
            "isEnabled": metadata.get("Enabled", True),
            "keyUsage": metadata.get("KeyUsage", "ENCRYPT_DECRYPT"),
            "policy": policy,
            **tag_outputs(tags),
        }
        if "RotationPeriodInDays" in rotation:
            live["rotationPeriodInDays"] = rotation["RotationPeriodInDays"]
        return live

    def change(self, identifier: str, state: PropertyMap, inputs: PropertyMap) -> None:
        """Apply what differs. A key is enabled before and disabled after the rest: a disabled one can't be
        changed.
        """
        kms = self.aws.client("kms")
        enabled = inputs.get("isEnabled") is not False
        was_enabled = state.get("isEnabled") is not False
        if enabled and not was_enabled:
            self._enable(identifier, enabled=True)
        rotating = inputs.get("enableKeyRotation") is True
        period = inputs.get("rotationPeriodInDays")
        if rotating != (state.get("enableKeyRotation") is True) or (
            rotating and period is not None and period != state.get("rotationPeriodInDays")
        ):
            self._rotate(identifier, inputs)
        description = inputs.get("description")
        if isinstance(description, str) and description != state.get("description"):
            with failing_as(f"updating KMS Key ({identifier}) description", "kms"):
                kms.update_key_description(KeyId=identifier, Description=description)
        policy = inputs.get("policy")
        if isinstance(policy, str) and not self.schema.by_name["policy"].equal(state.get("policy"), policy):
            with failing_as(f"updating KMS Key ({identifier}) policy", "kms"):
                kms.put_key_policy(KeyId=identifier, PolicyName=_POLICY_NAME, Policy=policy)
        removed, changed = tag_changes(tags_of(state), tags_of(inputs))
        with failing_as(f"updating tags for KMS Key ({identifier})", "kms"):
            if removed:
                kms.untag_resource(KeyId=identifier, TagKeys=removed)
            if changed:
                kms.tag_resource(
                    KeyId=identifier,
                    Tags=[{"TagKey": key, "TagValue": value} for key, value in changed.items()],
                )
        if was_enabled and not enabled:
            self._enable(identifier, enabled=False)

    @override
    def delete(self, resource: Resource, identifier: str, state: PropertyMap) -> None:
        """Schedule the deletion, after the window that is recorded or AWS's own of 30 days."""
        from botocore.exceptions import ClientError

        window = state.get("deletionWindowInDays")
        with failing_as(f"deleting KMS Key ({identifier})", "kms"):
            try:
                self.aws.client("kms").schedule_key_deletion(
                    KeyId=identifier, **({"PendingWindowInDays": window} if isinstance(window, int) else {})
                )
            except ClientError as error:
                message = error.response["Error"]["Message"]
                if error_code(error) == "NotFound" or (
                    error_code(error) == "KMSInvalidState" and "is pending deletion" in message
                ):
                    return
                raise
        # As the real plugin, which waits until the deletion is seen.
        with failing_as(f"waiting for KMS Key ({identifier}) delete", "kms"):
            self.aws.client("kms").describe_key(KeyId=identifier)

    def _identity(self, metadata: "KeyMetadataTypeDef") -> PropertyMap:
        return {
            "arn": metadata["Arn"],
            "keyId": metadata["KeyId"],
            "multiRegion": metadata.get("MultiRegion", False),
            "region": self.aws.region,
        }

    def _rotate(self, identifier: str, inputs: PropertyMap) -> None:
        kms = self.aws.client("kms")
        period = inputs.get("rotationPeriodInDays")
        if inputs.get("enableKeyRotation") is not True:
            with failing_as(f"disabling KMS Key ({identifier}) rotation", "kms"):
                kms.disable_key_rotation(KeyId=identifier)
            return
        with failing_as(f"enabling KMS Key ({identifier}) rotation", "kms"):
            kms.enable_key_rotation(
                KeyId=identifier, **({"RotationPeriodInDays": period} if isinstance(period, int) else {})
            )

    def _enable(self, identifier: str, *, enabled: bool) -> None:
        kms = self.aws.client("kms")
        with failing_as(f"{'enabling' if enabled else 'disabling'} KMS Key ({identifier})", "kms"):
            if enabled:
                kms.enable_key(KeyId=identifier)
            else:
                kms.disable_key(KeyId=identifier)


def _same_key(old: PropertyValue, new: PropertyValue) -> bool:
    """Take a key's id and its ARN for the same key."""
    return str(old).rpartition("key/")[2] == str(new).rpartition("key/")[2]


class Alias(AwsResourceType):
    """A KMS alias; its id is its name."""

    token = "aws:kms/alias:Alias"  # noqa: S105
    schema: ClassVar[Schema] = Schema(
        inputs=(
            Property(
                "name",
                replaces=True,
                validators=(
                    length_between(1, 256),
                    matching(
                        r"alias/(?!aws/)[A-Za-z0-9/_-]+",
                        "to begin with 'alias/' (not 'alias/aws/') and be comprised of only [0-9A-Za-z_/-]",
                    ),
                ),
            ),
            Property("targetKeyId", required=True, same=_same_key),
        ),
        outputs=("arn", "namePrefix", "region", "targetKeyArn"),
        not_implemented=frozenset({"namePrefix", "region"}),
        autonaming=Autonaming(maximum_length=256, prefix="alias/"),
    )

    def make(self, inputs: PropertyMap) -> Created:
        """Create the alias."""
        name, target = str(inputs["name"]), str(inputs["targetKeyId"])
        with failing_as(f"creating KMS Alias ({name})", "kms"):
            self.aws.client("kms").create_alias(AliasName=name, TargetKeyId=target)
        return Created(name, self.recorded(name, inputs))

    @override
    def look(self, identifier: str, state: PropertyMap) -> PropertyMap | None:
        """Find the alias by name; an alias without a key is one of AWS's own, and not taken for ours."""
        with failing_as(f"reading KMS Alias ({identifier})", "kms"):
            aliases = [
                alias
                for page in self.aws.client("kms").get_paginator("list_aliases").paginate()
                for alias in page["Aliases"]
                if alias.get("AliasName") == identifier and alias.get("TargetKeyId")
            ]
        if not aliases:
            return None
        arn, key = aliases[0]["AliasArn"], aliases[0]["TargetKeyId"]
        return {
            "arn": arn,
            "name": identifier,
            "namePrefix": "",
            "region": self.aws.region,
            "targetKeyArn": f"{arn.partition('alias/')[0]}key/{key}",
            "targetKeyId": key,
        }

    @override
    def change(self, identifier: str, state: PropertyMap, inputs: PropertyMap) -> None:
        """Point the alias to another key."""
        with failing_as(f"updating KMS Alias ({identifier})", "kms"):
            self.aws.client("kms").update_alias(AliasName=identifier, TargetKeyId=str(inputs["targetKeyId"]))

    @override
    def delete(self, resource: Resource, identifier: str, state: PropertyMap) -> None:
        """Delete the alias; the key stays."""
        from botocore.exceptions import ClientError

        with failing_as(f"deleting KMS Alias ({identifier})", "kms"):
            try:
                self.aws.client("kms").delete_alias(AliasName=identifier)
            except ClientError as error:
                if error_code(error) != "NotFound":
                    raise


def get_key(aws: Aws, arguments: PropertyMap) -> PropertyMap:
    """Describe a key, in the region of the arguments or of the provider; one that will be deleted, too."""
    from botocore.exceptions import ClientError

    key_id, region = str(arguments["keyId"]), str(arguments.get("region") or aws.region)
    with failing_as(f"reading KMS Key ({key_id})", "kms"):
        try:
            found = aws.in_region(region).client("kms").describe_key(KeyId=key_id)["KeyMetadata"]
        except ClientError as error:
            if error_code(error) == "NotFound":
                raise ProviderError(
                    one_error(f"reading KMS Key ({key_id}): couldn't find resource")
                ) from error
            raise
    created, deletion = found.get("CreationDate"), found.get("DeletionDate")
    return {
        "arn": found.get("Arn", ""),
        "awsAccountId": found.get("AWSAccountId", ""),
        "cloudHsmClusterId": found.get("CloudHsmClusterId", ""),
        "creationDate": _rfc3339(created),
        "customKeyStoreId": found.get("CustomKeyStoreId", ""),
        "customerMasterKeySpec": found.get("CustomerMasterKeySpec", ""),
        "deletionDate": _rfc3339(deletion),
        "description": found.get("Description", ""),
        "enabled": found.get("Enabled", False),
        "expirationModel": found.get("ExpirationModel", ""),
        "id": found["KeyId"],
        "keyId": key_id,
        "keyManager": found.get("KeyManager", ""),
        "keySpec": found.get("KeySpec", ""),
        "keyState": found.get("KeyState", ""),
        "keyUsage": found.get("KeyUsage", ""),
        "multiRegion": found.get("MultiRegion", False),
        "multiRegionConfigurations": [],
        "origin": found.get("Origin", ""),
        "pendingDeletionWindowInDays": found.get("PendingDeletionWindowInDays", 0),
        "region": region,
        "validTo": _rfc3339(found.get("ValidTo")),
        "xksKeyConfigurations": [],
    }


def _rfc3339(when: "datetime | None") -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ") if when is not None else ""
