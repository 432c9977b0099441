"""Which actions on which resources a request needs permission for.

Source: the service authorization reference, for example
https://docs.aws.amazon.com/service-authorization/latest/reference/list_awskeymanagementservice.html.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from moto.kms.models import Key
from moto.s3.models import FakeBucket
from moto.secretsmanager.models import FakeSecret

from sandbox.aws import key_management, moto_state, object_storage, secret_management
from sandbox.aws.account import ACCOUNT_ID, iam_arn, regional_arn
from sandbox.aws.error_responses import not_implemented
from sandbox.aws.policy_conditions import REQUEST_TAG, ContextValue
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

BOUNDARY_OPERATIONS = {
    "AttachRolePolicy",
    "CreateRole",
    "DeleteRolePermissionsBoundary",
    "DeleteRolePolicy",
    "DetachRolePolicy",
    "PutRolePermissionsBoundary",
    "PutRolePolicy",
}
"""The operations on a role with the condition key iam:PermissionsBoundary."""

EC2_ID_PREFIXES = {"sg": "security-group", "sgr": "security-group-rule"}


@dataclass(frozen=True)
class Target:
    """One action on one resource (see ``AccessRequest``), and whose policy takes part: a key, secret, bucket.

    ``context`` has the condition keys that depend on the operation or on the resource, in lower case.
    ``shown`` is how AWS names the resource in a refusal, where that isn't its ARN.
    """

    action: str
    resource: str | None
    key: Key | None = None
    context: Mapping[str, ContextValue] = field(default_factory=dict)
    secret: FakeSecret | None = None
    shown: str | None = None
    bucket: FakeBucket | None = None


def access_targets(call: ServiceRequest) -> tuple[Target, ...]:
    """Everything that must be allowed for a request to be made.

    Raises AwsError for a key or alias that does not exist, and for an operation that is not implemented.
    """
    tags: Mapping[str, ContextValue] = {
        f"{REQUEST_TAG}{key.lower()}": value for key, value in call.tags().items()
    }
    return tuple(replace(target, context={**tags, **target.context}) for target in _targets(call))


def _targets(call: ServiceRequest) -> tuple[Target, ...]:
    action = f"{call.service}:{call.operation}"
    if call.service == "kms":
        return _kms_targets(call, action)
    if call.service == "secretsmanager":
        return _secretsmanager_targets(call, action)
    if call.service == "s3":
        return _s3_targets(call)
    if call.service == "iam":
        return _iam_targets(call, action)
    if call.service == "ec2":
        return _ec2_targets(call, action)
    if call.service == "eks":
        return _eks_targets(call, action)
    if call.service == "eks-auth":
        cluster = call.required_text("clusterName")
        return (Target(action, regional_arn("eks", call.region, f"cluster/{cluster}")),)
    if call.service == "sts":
        raise not_implemented(call.protocol, f"The operation sts:{call.operation}")
    return (Target(action, None),)


def _kms_targets(call: ServiceRequest, action: str) -> tuple[Target, ...]:
    if call.operation not in key_management.OPERATIONS:
        raise not_implemented(call.protocol, f"The operation {action}")
    if call.operation in ("ListKeys", "ListAliases"):
        return (Target(action, "*"),)
    if call.operation == "CreateKey":
        created = Target(action, "*", context=_created_key(call))
        tagging = Target("kms:TagResource", regional_arn("kms", call.region, "key/*"))
        return (created, tagging) if call.has_list("Tags") else (created,)
    context = _lockout_check(call) if call.operation == "PutKeyPolicy" else {}
    found = [
        Target(action, key.arn, key, {**context, "kms:resourcealiases": tuple(key.aliases)})
        for key in key_management.keys_of_request(call)
    ]
    if call.operation in ("CreateAlias", "UpdateAlias", "DeleteAlias"):
        found.insert(0, Target(action, regional_arn("kms", call.region, call.required_text("AliasName"))))
    return tuple(found)


def _created_key(call: ServiceRequest) -> Mapping[str, ContextValue]:
    """Return the properties of the key that is asked for; what isn't given has KMS's default."""
    return {
        **_lockout_check(call),
        "kms:keyspec": call.text("KeySpec") or "SYMMETRIC_DEFAULT",
        "kms:keyusage": call.text("KeyUsage") or "ENCRYPT_DECRYPT",
    }


def _lockout_check(call: ServiceRequest) -> Mapping[str, ContextValue]:
    """Return the condition key of the check; a request without the parameter doesn't have it.

    Source: the KMS guide, "AWS KMS condition keys", whose example for such a request has the operator Null.
    """
    bypass = call.parameters.get("BypassPolicyLockoutSafetyCheck")
    return {"kms:bypasspolicylockoutsafetycheck": None if bypass is None else str(bypass).lower()}


def _secretsmanager_targets(call: ServiceRequest, action: str) -> tuple[Target, ...]:
    if call.operation not in secret_management.OPERATIONS:
        raise not_implemented(call.protocol, f"The operation {action}")
    if call.operation == "ListSecrets":
        return (Target(action, "*"),)
    secret, arn = secret_management.find_secret(call), secret_management.secret_arn(call)
    shown = call.text("SecretId") or call.text("Name")
    found = [Target(action, arn, secret=secret, shown=shown)]
    if call.operation == "CreateSecret" and call.has_list("Tags"):
        found.append(Target("secretsmanager:TagResource", arn, shown=shown))
    for operation, key in secret_management.key_uses(call):
        context: Mapping[str, ContextValue] = {
            "aws:viaawsservice": "true",
            "kms:calleraccount": ACCOUNT_ID,
            "kms:resourcealiases": tuple(key.aliases),
            "kms:viaservice": f"secretsmanager.{call.region}.amazonaws.com",
        }
        found.append(Target(f"kms:{operation}", key.arn, key, context))
    return tuple(found)


def _s3_targets(call: ServiceRequest) -> tuple[Target, ...]:
    bucket, context = object_storage.find_bucket(call), object_storage.condition_keys(call)
    found = [
        Target(action, resource, context=context, bucket=bucket)
        for action, resource in object_storage.actions_and_resources(call)
    ]
    if (use := object_storage.key_use(call)) is not None:
        operation, key, of_key = use
        found.append(Target(f"kms:{operation}", key.arn, key, of_key))
    return tuple(found)


def _iam_targets(call: ServiceRequest, action: str) -> tuple[Target, ...]:
    resource = _iam_resource(call)
    if resource is None:
        listing = call.operation.startswith("List") or call.operation.startswith("GetAccount")
        return (Target(action, "*" if listing else None),)
    found = [Target(action, resource, context=_iam_context(call))]
    if call.operation.startswith("Create") and call.has_list("Tags"):
        found.append(Target(action.replace("Create", "Tag"), resource))
    return tuple(found)


def _iam_context(call: ServiceRequest) -> Mapping[str, ContextValue]:
    """Return the policy that is attached or detached; the given boundary, or else that of the role."""
    context: dict[str, ContextValue] = {}
    if call.operation in ("AttachRolePolicy", "DetachRolePolicy"):
        context["iam:policyarn"] = call.text("PolicyArn")
    if call.operation in BOUNDARY_OPERATIONS:
        role = moto_state.find_role(call.required_text("RoleName"))
        held = role.permissions_boundary_arn if role is not None else None
        context["iam:permissionsboundary"] = call.text("PermissionsBoundary") or held
    return context


def _iam_resource(call: ServiceRequest) -> str | None:
    """Return the ARN of what an IAM operation is about; None if there is none or it is not known here."""
    if call.operation != "ListInstanceProfilesForRole" and "InstanceProfile" in call.operation:
        return None
    if "ServiceLinkedRole" in call.operation:
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
    if call.operation in ("CreateTags", "DeleteTags"):
        return tuple(Target(action, _ec2_resource(call, name)) for name in _numbered(call, "ResourceId"))
    group = call.text("GroupId") if call.operation in SECURITY_GROUP_OPERATIONS else None
    found = [Target(action, _ec2_resource(call, group) if group else None)]
    if call.operation == "ModifySecurityGroupRules":
        rules = _numbered(call, "SecurityGroupRule", ".SecurityGroupRuleId")
        found += [Target(action, _ec2_resource(call, rule)) for rule in rules]
    if call.has_list("TagSpecification"):
        made = None
        if call.operation.startswith("AuthorizeSecurityGroup"):
            # Rules that are tagged while they are made count as resources, too.
            made = regional_arn("ec2", call.region, "security-group-rule/*")
            found.append(Target(action, made))
        found.append(Target("ec2:CreateTags", made, context={"ec2:createaction": call.operation}))
    return tuple(found)


def _ec2_resource(call: ServiceRequest, identifier: str) -> str | None:
    """Return the ARN of something by its id; None for a kind that isn't known here."""
    kind = EC2_ID_PREFIXES.get(identifier.partition("-")[0])
    return regional_arn("ec2", call.region, f"{kind}/{identifier}") if kind else None


def _numbered(call: ServiceRequest, name: str, member: str = "") -> list[str]:
    """Return the texts of a list in a form: ``name.1``, ``name.2``, each with ``member`` behind it."""
    expression = re.compile(rf"{re.escape(name)}\.\d+{re.escape(member)}")
    return [str(value) for key, value in call.parameters.items() if expression.fullmatch(key)]


def _eks_targets(call: ServiceRequest, action: str) -> tuple[Target, ...]:
    if call.operation in ("ListClusters", "DescribeAddonVersions"):
        return (Target(action, "*"),)
    name = call.text("name")
    if "PodIdentityAssociation" in call.operation:
        return _association_targets(call, action, name)
    if call.operation.endswith("Addon"):
        of_addon = f"addon/{name}/{call.text('addonName')}/{'0' * 8}"
        return (Target(action, regional_arn("eks", call.region, of_addon)),)
    if tagged := call.text("resourceArn"):
        return (Target(action, tagged),)
    # The other operations act on node groups, add-ons and the like, below a cluster's name.
    cluster = "Cluster" in call.operation and name is not None
    resource = regional_arn("eks", call.region, f"cluster/{name}") if cluster else None
    found = [Target(action, resource)]
    if role_arn := call.text("roleArn"):
        found.append(Target("iam:PassRole", role_arn))
    if call.operation.startswith("Create") and call.has_list("tags"):
        found.append(Target("eks:TagResource", resource))
    return tuple(found)


def _association_targets(call: ServiceRequest, action: str, cluster: str | None) -> tuple[Target, ...]:
    """Everything about a pod identity association; the role is passed on to EKS, and looked up by it."""
    identifier = call.text("associationId")
    kind = f"podidentityassociation/{cluster}/{identifier}" if identifier else f"cluster/{cluster}"
    found = [Target(action, regional_arn("eks", call.region, kind))]
    if role_arn := call.text("roleArn"):
        passed: Mapping[str, ContextValue] = {"iam:passedtoservice": "pods.eks.amazonaws.com"}
        found += [Target("iam:PassRole", role_arn, context=passed), Target("iam:GetRole", role_arn)]
    if call.operation.startswith("Create") and call.has_list("tags"):
        made = regional_arn("eks", call.region, f"podidentityassociation/{cluster}/*")
        found.append(Target("eks:TagResource", made))
    return tuple(found)
