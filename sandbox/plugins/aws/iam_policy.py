"""Managed policies (``aws:iam/policy:Policy``), and the function which looks up OIDC providers."""

import json
from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from sandbox.plugins.aws.api import Aws, error_code, failing_as, one_error
from sandbox.plugins.aws.iam_role import NAME_PATTERN
from sandbox.plugins.aws.policy_documents import policy_property
from sandbox.plugins.aws.resource_type import AwsResourceType
from sandbox.plugins.aws.tags import tag_changes, tag_outputs, tags_of
from sandbox.plugins.bridged_schema import Autonaming, Property, Schema
from sandbox.plugins.property_values import PropertyMap, PropertyValue
from sandbox.plugins.provider import Created, ProviderError, Resource
from sandbox.plugins.validation import length_between, matching

if TYPE_CHECKING:
    from mypy_boto3_iam.type_defs import PolicyVersionTypeDef

_KEPT_VERSIONS = 5
"""A managed policy has at most five versions (IAM quotas)."""


class Policy(AwsResourceType):
    """A managed policy; its id is its ARN. A new document becomes a new version of the policy."""

    token = "aws:iam/policy:Policy"  # noqa: S105 - a type's name
    schema: ClassVar[Schema] = Schema(
        inputs=(
            Property("description", replaces=True, validators=(length_between(0, 1000),)),
            Property(
                "name",
                replaces=True,
                validators=(length_between(1, 128), matching(NAME_PATTERN, "to match [\\w+=,.@-]")),
            ),
            Property("path", default="/", replaces=True),
            policy_property("policy", required=True),
            Property("tags", "map"),
        ),
        outputs=("arn", "attachmentCount", "namePrefix", "policyId", "tagsAll"),
        not_implemented=frozenset({"delayAfterPolicyCreationInMs", "namePrefix"}),
        autonaming=Autonaming(maximum_length=128),
    )

    def make(self, inputs: PropertyMap) -> Created:
        """Create the policy with its first version."""
        name = str(inputs["name"])
        with failing_as(f"creating IAM Policy ({name})", "iam"):
            policy = self.aws.client("iam").create_policy(
                PolicyName=name,
                Path=str(inputs["path"]),
                PolicyDocument=str(inputs["policy"]),
                Description=str(inputs.get("description", "")),
                Tags=[{"Key": key, "Value": value} for key, value in tags_of(inputs).items()],
            )["Policy"]
        arn = policy["Arn"]
        return Created(arn, self.recorded(arn, inputs))

    @override
    def look(self, identifier: str, state: PropertyMap) -> PropertyMap | None:
        """Read the policy and the document of its default version."""
        from botocore.exceptions import ClientError

        iam = self.aws.client("iam")
        with failing_as(f"reading IAM Policy ({identifier})", "iam"):
            try:
                policy = iam.get_policy(PolicyArn=identifier)["Policy"]
            except ClientError as error:
                if error_code(error) == "NoSuchEntity":
                    return None
                raise
            version = iam.get_policy_version(PolicyArn=identifier, VersionId=policy["DefaultVersionId"])
        return {
            "arn": identifier,
            "attachmentCount": policy.get("AttachmentCount", 0),
            "description": policy.get("Description", ""),
            "name": policy["PolicyName"],
            "namePrefix": "",
            "path": policy["Path"],
            "policy": json.dumps(version["PolicyVersion"]["Document"]),
            "policyId": policy["PolicyId"],
            **tag_outputs((tag["Key"], tag["Value"]) for tag in policy.get("Tags", [])),
        }

    def change(self, identifier: str, state: PropertyMap, inputs: PropertyMap) -> None:
        """Make a new default version, removing the oldest one if there is no room, and set tags."""
        iam = self.aws.client("iam")
        document = str(inputs["policy"])
        if not self.schema.by_name["policy"].equal(state.get("policy"), document):
            versions = self._versions(identifier)
            others = sorted(
                (version for version in versions if not version["IsDefaultVersion"]),
                key=lambda version: version["CreateDate"],
            )
            if len(versions) >= _KEPT_VERSIONS and others:
                self._delete_version(identifier, others[0]["VersionId"])
            with failing_as(f"updating IAM Policy ({identifier})", "iam"):
                iam.create_policy_version(PolicyArn=identifier, PolicyDocument=document, SetAsDefault=True)
        removed, changed = tag_changes(tags_of(state), tags_of(inputs))
        with failing_as(f"updating tags for IAM Policy ({identifier})", "iam"):
            if removed:
                iam.untag_policy(PolicyArn=identifier, TagKeys=removed)
            if changed:
                iam.tag_policy(
                    PolicyArn=identifier,
                    Tags=[{"Key": key, "Value": value} for key, value in changed.items()],
                )

    @override
    def delete(self, resource: Resource, identifier: str, state: PropertyMap) -> None:
        """Delete all versions and the policy; IAM refuses while it is attached."""
        from botocore.exceptions import ClientError

        with failing_as(f"deleting IAM Policy ({identifier})", "iam"):
            try:
                for version in self._versions(identifier):
                    if not version["IsDefaultVersion"]:
                        self._delete_version(identifier, version["VersionId"])
                self.aws.client("iam").delete_policy(PolicyArn=identifier)
            except ClientError as error:
                if error_code(error) != "NoSuchEntity":
                    raise

    def _versions(self, arn: str) -> list["PolicyVersionTypeDef"]:
        pages = self.aws.client("iam").get_paginator("list_policy_versions").paginate(PolicyArn=arn)
        return [version for page in pages for version in page["Versions"]]

    def _delete_version(self, arn: str, version: str) -> None:
        with failing_as(f"deleting IAM Policy ({arn}) version ({version})", "iam"):
            self.aws.client("iam").delete_policy_version(PolicyArn=arn, VersionId=version)


def get_open_id_connect_provider(aws: Aws, arguments: PropertyMap) -> PropertyMap:
    """Find an OIDC provider by its URL (with or without ``https://``) or its ARN."""
    arn, url = arguments.get("arn"), arguments.get("url")
    if (arn is None) == (url is None):
        raise ProviderError(one_error("Invalid combination of arguments: one of `arn,url` must be specified"))
    iam = aws.client("iam")
    if url is not None:
        with failing_as(f"reading IAM OIDC Provider ({url})", "iam"):
            providers = iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
        host = str(url).removeprefix("https://")
        arn = next((entry["Arn"] for entry in providers if entry["Arn"].partition("/")[2] == host), None)
        if arn is None:
            raise ProviderError(one_error(f"reading IAM OIDC Provider ({url}): couldn't find resource"))
    with failing_as("reading IAM OIDC Provider", "iam"):
        found = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=str(arn))
    tags: dict[str, PropertyValue] = {tag["Key"]: tag["Value"] for tag in found.get("Tags", [])}
    return {
        "arn": arn,
        "clientIdLists": list[PropertyValue](found["ClientIDList"]),
        "id": arn,
        "tags": tags,
        "thumbprintLists": list[PropertyValue](found["ThumbprintList"]),
        "url": found["Url"],
    }
