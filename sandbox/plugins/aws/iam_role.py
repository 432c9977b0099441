"""``aws:iam/role:Role``, ``aws:iam/rolePolicyAttachment:RolePolicyAttachment`` and ``aws:iam/getRole``."""

import json
import re
from typing import ClassVar

from typing_extensions import override

from sandbox.plugins.aws.api import Aws, error_code, failing_as, one_error
from sandbox.plugins.aws.policy_documents import policy_property
from sandbox.plugins.aws.resource_type import AwsResourceType
from sandbox.plugins.aws.tags import tag_changes, tag_outputs, tags_of
from sandbox.plugins.bridged_schema import Autonaming, Property, Schema
from sandbox.plugins.property_values import PropertyMap, PropertyValue
from sandbox.plugins.provider import Created, ProviderError, Resource
from sandbox.plugins.validation import integer_between, length_between, matching

ARN_PATTERN = r"arn:[\w-]+:[a-z0-9-]+:[a-z0-9-]*:(\d{12}|aws)?:.+"
"""An ARN's shape: partition, service, region, account, resource (IAM User Guide, "Identify AWS resources").
"""
NAME_PATTERN = r"[0-9A-Za-z_+=,.@-]+"


class Role(AwsResourceType):
    """An IAM role; its id is its name."""

    token = "aws:iam/role:Role"  # noqa: S105 - a type's name
    schema: ClassVar[Schema] = Schema(
        inputs=(
            policy_property("assumeRolePolicy", required=True),
            Property(
                "description",
                validators=(
                    length_between(0, 1000),
                    matching(r"[^“‘]*", "to contain no specially formatted single or double quotes: [“‘]"),  # noqa: RUF001
                ),
            ),
            Property("forceDetachPolicies", "boolean", default=False, read_back=False),
            Property(
                "maxSessionDuration", "integer", default=3600, validators=(integer_between(3600, 43200),)
            ),
            Property(
                "name",
                replaces=True,
                validators=(length_between(1, 64), matching(NAME_PATTERN, "to match [\\w+=,.@-]")),
            ),
            Property("path", default="/", replaces=True, validators=(length_between(0, 512),)),
            Property("permissionsBoundary", validators=(matching(ARN_PATTERN, "to be an ARN"),)),
            Property("tags", "map"),
        ),
        outputs=(
            "arn",
            "createDate",
            "inlinePolicies",
            "managedPolicyArns",
            "namePrefix",
            "tagsAll",
            "uniqueId",
        ),
        not_implemented=frozenset({"inlinePolicies", "managedPolicyArns", "namePrefix"}),
        autonaming=Autonaming(maximum_length=64),
    )

    def make(self, inputs: PropertyMap) -> Created:
        """Create the role."""
        name, description, boundary = (
            str(inputs["name"]),
            inputs.get("description"),
            inputs.get("permissionsBoundary"),
        )
        duration = inputs["maxSessionDuration"]
        with failing_as(f"creating IAM Role ({name})", "iam"):
            self.aws.client("iam").create_role(
                RoleName=name,
                Path=str(inputs["path"]),
                AssumeRolePolicyDocument=str(inputs["assumeRolePolicy"]),
                MaxSessionDuration=duration if isinstance(duration, int) else 3600,
                Tags=[{"Key": key, "Value": value} for key, value in tags_of(inputs).items()],
                **({"Description": description} if isinstance(description, str) and description else {}),
                **({"PermissionsBoundary": boundary} if isinstance(boundary, str) else {}),
            )
        return Created(name, self.recorded(name, inputs))

    @override
    def look(self, identifier: str, state: PropertyMap) -> PropertyMap | None:
        """Read the role, with the names of its inline and managed policies."""
        from botocore.exceptions import ClientError

        iam = self.aws.client("iam")
        with failing_as(f"reading IAM Role ({identifier})", "iam"):
            try:
                role = iam.get_role(RoleName=identifier)["Role"]
            except ClientError as error:
                if error_code(error) == "NoSuchEntity":
                    return None
                raise
            attached = [
                policy["PolicyArn"]
                for page in iam.get_paginator("list_attached_role_policies").paginate(RoleName=identifier)
                for policy in page["AttachedPolicies"]
            ]
            inline: list[PropertyValue] = [
                {
                    "name": name,
                    "policy": json.dumps(
                        iam.get_role_policy(RoleName=identifier, PolicyName=name)["PolicyDocument"]
                    ),
                }
                for page in iam.get_paginator("list_role_policies").paginate(RoleName=identifier)
                for name in page["PolicyNames"]
            ]
        live: PropertyMap = {
            "arn": role["Arn"],
            "assumeRolePolicy": json.dumps(role.get("AssumeRolePolicyDocument", {})),
            "createDate": role["CreateDate"].strftime("%Y-%m-%dT%H:%M:%SZ"),
            "description": role.get("Description", ""),
            "inlinePolicies": inline,
            "managedPolicyArns": list[PropertyValue](attached),
            "maxSessionDuration": role.get("MaxSessionDuration", 3600),
            "name": role["RoleName"],
            "namePrefix": "",
            "path": role["Path"],
            "uniqueId": role["RoleId"],
            **tag_outputs((tag["Key"], tag["Value"]) for tag in role.get("Tags", [])),
        }
        boundary = role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
        if boundary:
            live["permissionsBoundary"] = boundary
        return live

    def change(self, identifier: str, state: PropertyMap, inputs: PropertyMap) -> None:
        """Apply what differs."""
        iam = self.aws.client("iam")
        trust = str(inputs["assumeRolePolicy"])
        if not self.schema.by_name["assumeRolePolicy"].equal(state.get("assumeRolePolicy"), trust):
            with failing_as(f"updating IAM Role ({identifier}) assume role policy", "iam"):
                iam.update_assume_role_policy(RoleName=identifier, PolicyDocument=trust)
        description = str(inputs.get("description", ""))
        if description != state.get("description", ""):
            with failing_as(f"updating IAM Role ({identifier}) description", "iam"):
                iam.update_role_description(RoleName=identifier, Description=description)
        duration = inputs.get("maxSessionDuration")
        if isinstance(duration, int) and duration != state.get("maxSessionDuration"):
            with failing_as(f"updating IAM Role ({identifier}) MaxSessionDuration", "iam"):
                iam.update_role(RoleName=identifier, MaxSessionDuration=duration, Description=description)
        boundary = inputs.get("permissionsBoundary")
        if boundary != state.get("permissionsBoundary"):
            with failing_as(f"updating IAM Role ({identifier}) permissions boundary", "iam"):
                if isinstance(boundary, str):
                    iam.put_role_permissions_boundary(RoleName=identifier, PermissionsBoundary=boundary)
                else:
                    iam.delete_role_permissions_boundary(RoleName=identifier)
        removed, changed = tag_changes(tags_of(state), tags_of(inputs))
        with failing_as(f"updating tags for IAM Role ({identifier})", "iam"):
            if removed:
                iam.untag_role(RoleName=identifier, TagKeys=removed)
            if changed:
                iam.tag_role(
                    RoleName=identifier, Tags=[{"Key": key, "Value": value} for key, value in changed.items()]
                )

    @override
    def delete(self, resource: Resource, identifier: str, state: PropertyMap) -> None:
        """Delete the role. Attached policies are taken off first if ``forceDetachPolicies`` says so, or if a
        refresh has recorded them; otherwise IAM refuses while there are any.
        """
        from botocore.exceptions import ClientError

        iam = self.aws.client("iam")
        with failing_as(f"deleting IAM Role ({identifier})", "iam"):
            try:
                for profiles in iam.get_paginator("list_instance_profiles_for_role").paginate(
                    RoleName=identifier
                ):
                    for profile in profiles["InstanceProfiles"]:
                        iam.remove_role_from_instance_profile(
                            InstanceProfileName=profile["InstanceProfileName"], RoleName=identifier
                        )
                force = state.get("forceDetachPolicies") is True
                if force or state.get("managedPolicyArns"):
                    for page in iam.get_paginator("list_attached_role_policies").paginate(
                        RoleName=identifier
                    ):
                        for policy in page["AttachedPolicies"]:
                            iam.detach_role_policy(RoleName=identifier, PolicyArn=policy["PolicyArn"])
                if force or state.get("inlinePolicies"):
                    for names in iam.get_paginator("list_role_policies").paginate(RoleName=identifier):
                        for name in names["PolicyNames"]:
                            iam.delete_role_policy(RoleName=identifier, PolicyName=name)
                iam.delete_role(RoleName=identifier)
            except ClientError as error:
                if error_code(error) != "NoSuchEntity":
                    raise


class RolePolicyAttachment(AwsResourceType):
    """A managed policy attached to a role; its id is ``<role>/<policy ARN>``."""

    token = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"  # noqa: S105
    schema: ClassVar[Schema] = Schema(
        inputs=(
            Property(
                "policyArn", required=True, replaces=True, validators=(matching(ARN_PATTERN, "to be an ARN"),)
            ),
            Property("role", required=True, replaces=True),
        ),
        outputs=(),
    )

    def make(self, inputs: PropertyMap) -> Created:
        """Attach the policy."""
        role, policy = str(inputs["role"]), str(inputs["policyArn"])
        with failing_as(f"attaching IAM Policy ({policy}) to IAM Role ({role})", "iam"):
            self.aws.client("iam").attach_role_policy(RoleName=role, PolicyArn=policy)
        identifier = f"{role}/{policy}"
        return Created(identifier, self.recorded(identifier, {"role": role, "policyArn": policy}))

    @override
    def look(self, identifier: str, state: PropertyMap) -> PropertyMap | None:
        """See whether the policy is still attached."""
        from botocore.exceptions import ClientError

        match = re.fullmatch(r"([^/]+)/(arn:.+)", identifier)
        if match is None:
            raise ProviderError(
                f'unexpected format of ID ("{identifier}"), expected <role-name>/<policy_arn>'
            )
        role, policy = match.groups()
        with failing_as(f"reading IAM Role ({role}) Policy Attachment ({policy})", "iam"):
            try:
                attached = any(
                    found["PolicyArn"] == policy
                    for page in self.aws.client("iam")
                    .get_paginator("list_attached_role_policies")
                    .paginate(RoleName=role)
                    for found in page["AttachedPolicies"]
                )
            except ClientError as error:
                if error_code(error) == "NoSuchEntity":
                    return None
                raise
        return {"role": role, "policyArn": policy} if attached else None

    @override
    def change(self, identifier: str, state: PropertyMap, inputs: PropertyMap) -> None:
        """Refuse to be called: every change replaces."""
        raise ProviderError("an attachment can't be updated")

    @override
    def delete(self, resource: Resource, identifier: str, state: PropertyMap) -> None:
        """Detach the policy."""
        from botocore.exceptions import ClientError

        role, policy = str(state["role"]), str(state["policyArn"])
        with failing_as(f"detaching IAM Policy ({policy}) from IAM Role ({role})", "iam"):
            try:
                self.aws.client("iam").detach_role_policy(RoleName=role, PolicyArn=policy)
            except ClientError as error:
                if error_code(error) != "NoSuchEntity":
                    raise


def get_role(aws: Aws, arguments: PropertyMap) -> PropertyMap:
    """Describe a role, which IAM finds by its name whatever its path is."""
    from botocore.exceptions import ClientError

    name = str(arguments["name"])
    with failing_as(f"reading IAM Role ({name})", "iam"):
        try:
            found = aws.client("iam").get_role(RoleName=name)["Role"]
        except ClientError as error:
            if error_code(error) == "NoSuchEntity":
                raise ProviderError(
                    one_error(f"reading IAM Role ({name}): couldn't find resource")
                ) from error
            raise
    tags: dict[str, PropertyValue] = {tag["Key"]: tag["Value"] for tag in found.get("Tags", [])}
    return {
        "arn": found["Arn"],
        "assumeRolePolicy": json.dumps(found["AssumeRolePolicyDocument"]),
        "createDate": found["CreateDate"].strftime("%Y-%m-%dT%H:%M:%SZ"),
        "description": found.get("Description", ""),
        "id": name,
        "maxSessionDuration": found["MaxSessionDuration"],
        "name": name,
        "path": found["Path"],
        "permissionsBoundary": found.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn", ""),
        "roleLastUseds": [],
        "tags": tags,
        "uniqueId": found["RoleId"],
    }
