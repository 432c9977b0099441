"""Which actions on which resources a request needs permission for.

Source: the service authorization reference, for example
https://docs.aws.amazon.com/service-authorization/latest/reference/list_awskeymanagementservice.html.
"""

from dataclasses import dataclass

from moto.kms.models import Key

from sandbox.aws import key_management, moto_state
from sandbox.aws.account import iam_arn, regional_arn
from sandbox.aws.error_responses import not_implemented
from sandbox.aws.request_context import ServiceRequest

SECURITY_GROUP_OPERATIONS = {
    "AuthorizeSecurityGroupEgress",
    "AuthorizeSecurityGroupIngress",
    "DeleteSecurityGroup",
    "ModifySecurityGroupRules",
    "RevokeSecurityGroupEgress",
    "RevokeSecurityGroupIngress",
    "UpdateSecurityGroupRuleDescriptionsEgress",
    "UpdateSecurityGroupRuleDescriptionsIngress",
}


@dataclass(frozen=True)
class Target:
    """One action on one resource (see ``AccessRequest``), and the key whose key policy takes part."""

    action: str
    resource: str | None
    key: Key | None = None


def access_targets(call: ServiceRequest) -> tuple[Target, ...]:
    """Everything that must be allowed for a request to be made.

    Raises AwsError for a key or alias that does not exist, and for an operation that is not implemented.
    """
    action = f"{call.service}:{call.operation}"
    if call.service == "kms":
        return _kms_targets(call, action)
    if call.service == "iam":
        return _iam_targets(call, action)
    if call.service == "ec2":
        return _ec2_targets(call, action)
    if call.service == "eks":
        return _eks_targets(call, action)
    if call.service == "sts":
        raise not_implemented(call.protocol, f"The operation sts:{call.operation}")
    return (Target(action, None),)


def _kms_targets(call: ServiceRequest, action: str) -> tuple[Target, ...]:
    if call.operation not in key_management.OPERATIONS:
        raise not_implemented(call.protocol, f"The operation {action}")
    if call.operation in ("ListKeys", "ListAliases"):
        return (Target(action, "*"),)
    if call.operation == "CreateKey":
        tagging = Target("kms:TagResource", regional_arn("kms", call.region, "key/*"))
        return (Target(action, "*"), tagging) if call.has_list("Tags") else (Target(action, "*"),)
    found = [Target(action, key.arn, key) for key in key_management.keys_of_request(call)]
    if call.operation in ("CreateAlias", "UpdateAlias", "DeleteAlias"):
        found.insert(0, Target(action, regional_arn("kms", call.region, call.required_text("AliasName"))))
    return tuple(found)


def _iam_targets(call: ServiceRequest, action: str) -> tuple[Target, ...]:
    resource = _iam_resource(call)
    if resource is None:
        listing = call.operation.startswith("List") or call.operation.startswith("GetAccount")
        return (Target(action, "*" if listing else None),)
    found = [Target(action, resource)]
    if call.operation.startswith("Create") and call.has_list("Tags"):
        found.append(Target(action.replace("Create", "Tag"), resource))
    return tuple(found)


def _iam_resource(call: ServiceRequest) -> str | None:
    """The ARN of what an IAM operation is about; None where there is none or it is not known here."""
    if "InstanceProfile" in call.operation or "ServiceLinkedRole" in call.operation:
        return None
    path = call.text("Path") or "/"
    if role_name := call.text("RoleName"):
        role = moto_state.find_role(role_name)
        return role.arn if role is not None else iam_arn(f"role{path}{role_name}")
    if user_name := call.text("UserName"):
        user = moto_state.find_user(user_name)
        return user.arn if user is not None else iam_arn(f"user{path}{user_name}")
    if group_name := call.text("GroupName"):
        group = moto_state.find_group(group_name)
        return group.arn if group is not None else iam_arn(f"group{path}{group_name}")
    if policy_arn := call.text("PolicyArn"):
        return policy_arn
    if call.operation == "CreatePolicy":
        return iam_arn(f"policy{path}{call.required_text('PolicyName')}")
    if provider_arn := call.text("OpenIDConnectProviderArn"):
        return provider_arn
    if call.operation == "CreateOpenIDConnectProvider":
        return iam_arn(f"oidc-provider/{call.required_text('Url').removeprefix('https://')}")
    return None


def _ec2_targets(call: ServiceRequest, action: str) -> tuple[Target, ...]:
    if call.operation.startswith("Describe"):
        return (Target(action, "*"),)
    group = call.text("GroupId") if call.operation in SECURITY_GROUP_OPERATIONS else None
    found = [Target(action, regional_arn("ec2", call.region, f"security-group/{group}") if group else None)]
    if call.has_list("TagSpecification"):
        found.append(Target("ec2:CreateTags", None))
    return tuple(found)


def _eks_targets(call: ServiceRequest, action: str) -> tuple[Target, ...]:
    if call.operation in ("ListClusters", "DescribeAddonVersions"):
        return (Target(action, "*"),)
    name = call.text("name")
    # The other operations act on node groups, add-ons and the like, below a cluster's name.
    cluster = "Cluster" in call.operation and name is not None
    resource = regional_arn("eks", call.region, f"cluster/{name}") if cluster else None
    found = [Target(action, resource)]
    if role_arn := call.text("roleArn"):
        found.append(Target("iam:PassRole", role_arn))
    if call.operation.startswith("Create") and call.has_list("tags"):
        found.append(Target("eks:TagResource", resource))
    return tuple(found)
