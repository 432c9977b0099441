"""``aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule``; functions that find groups and rules."""

import ipaddress
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from sandbox.plugins.aws.api import Aws, error_code, failing_as, one_error
from sandbox.plugins.aws.resource_type import AwsResourceType
from sandbox.plugins.aws.tags import tag_changes, tag_outputs, tags_of
from sandbox.plugins.bridged_schema import Property, Schema
from sandbox.plugins.property_values import PropertyMap, PropertyValue, Unknown
from sandbox.plugins.provider import CheckFailure, Created, ProviderError, Resource
from sandbox.plugins.validation import Validator, integer_between

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import (
        FilterTypeDef,
        IpPermissionTypeDef,
        SecurityGroupRuleRequestTypeDef,
        SecurityGroupRuleTypeDef,
        UserIdGroupPairTypeDef,
    )

_SOURCES = ("cidrIpv4", "cidrIpv6", "referencedSecurityGroupId")
_PROTOCOL_NAMES = {"1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6"}


def _same_protocol(old: PropertyValue, new: PropertyValue) -> bool:
    """EC2 gives the well-known protocols by name, however they were given to it."""
    old, new = str(old), str(new)
    return _PROTOCOL_NAMES.get(old, old).lower() == _PROTOCOL_NAMES.get(new, new).lower()


def _network(version: type[ipaddress.IPv4Network] | type[ipaddress.IPv6Network]) -> Validator:
    def validate(name: str, value: PropertyValue) -> str | None:
        try:
            version(str(value))
        except ValueError as error:
            return f"expected {name} to be a network's address in CIDR notation: {error}"
        return None

    return validate


class SecurityGroupIngressRule(AwsResourceType):
    """One rule of a security group; its id is the rule's."""

    token = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"  # noqa: S105 - a type's name
    schema: ClassVar[Schema] = Schema(
        inputs=(
            Property("cidrIpv4", validators=(_network(ipaddress.IPv4Network),)),
            Property("cidrIpv6", validators=(_network(ipaddress.IPv6Network),)),
            Property("description"),
            Property("fromPort", "integer", validators=(integer_between(-1, 65535),)),
            Property("ipProtocol", required=True, same=_same_protocol),
            Property("referencedSecurityGroupId"),
            Property("securityGroupId", required=True, replaces=True),
            Property("tags", "map"),
            Property("toPort", "integer", validators=(integer_between(-1, 65535),)),
        ),
        outputs=("arn", "region", "securityGroupRuleId", "tagsAll"),
        not_implemented=frozenset({"prefixListId", "region"}),
    )

    def check_together(self, inputs: PropertyMap) -> Sequence[CheckFailure]:
        """Require exactly one source; the real plugin says it of the resource as a whole."""
        given = [name for name in _SOURCES if name in inputs]
        if len(given) == 1:
            return ()
        said = "No attribute" if not given else f"{len(given)} attributes"
        return [
            CheckFailure(
                "",
                f"{said} specified when one (and only one) of [cidr_ipv4,cidr_ipv6,prefix_list_id,"
                "referenced_security_group_id] is required",
            )
        ]

    def replaced_together(self, state: PropertyMap, inputs: PropertyMap) -> frozenset[str]:
        """Replace a rule whose source changes from one kind of source to another."""
        old = {name for name in _SOURCES if state.get(name)}
        new = {name for name in _SOURCES if inputs.get(name)}
        return frozenset() if old == new else frozenset(old | new)

    def make(self, inputs: PropertyMap) -> Created:
        """Authorise the rule, then tag it; one that can't be tagged stays behind unrecorded, as it does for
        the real plugin.
        """
        ec2 = self.aws.client("ec2")
        with failing_as("creating VPC Security Group Rule", "ec2"):
            rules = ec2.authorize_security_group_ingress(
                GroupId=str(inputs["securityGroupId"]), IpPermissions=[_permission(inputs)]
            )["SecurityGroupRules"]
        identifier = rules[0]["SecurityGroupRuleId"]
        if tags := tags_of(inputs):
            with failing_as(f"setting VPC Security Group Rule ({identifier}) tags", "ec2"):
                ec2.create_tags(
                    Resources=[identifier],
                    Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
                )
        return Created(identifier, self.recorded(identifier, inputs))

    def look(self, identifier: str, state: PropertyMap) -> PropertyMap | None:
        """Describe the rule."""
        with failing_as(f"reading VPC Security Group Rule ({identifier})", "ec2"):
            rule = _described_rule(self.aws, identifier)
        if rule is None or rule.get("IsEgress", False):
            return None
        live: PropertyMap = {
            "arn": self._arn(identifier),
            "ipProtocol": rule["IpProtocol"],
            "region": self.aws.region,
            "securityGroupId": rule["GroupId"],
            "securityGroupRuleId": identifier,
            **tag_outputs((tag["Key"], tag["Value"]) for tag in rule.get("Tags", [])),
        }
        optional: PropertyMap = {
            "cidrIpv4": rule.get("CidrIpv4"),
            "cidrIpv6": rule.get("CidrIpv6"),
            "description": rule.get("Description"),
            "referencedSecurityGroupId": rule.get("ReferencedGroupInfo", {}).get("GroupId"),
        }
        live.update((name, value) for name, value in optional.items() if value)
        ports = {"fromPort": rule.get("FromPort", -1), "toPort": rule.get("ToPort", -1)}
        live.update((name, port) for name, port in ports.items() if port != -1 or name in state)
        return live

    def change(self, identifier: str, state: PropertyMap, inputs: PropertyMap) -> None:
        """Modify the rule in place, and set tags."""
        ec2 = self.aws.client("ec2")
        with failing_as(f"updating VPC Security Group Rule ({identifier})", "ec2"):
            if any(state.get(name) != inputs.get(name) for name in self.schema.by_name if name != "tags"):
                ec2.modify_security_group_rules(
                    GroupId=str(inputs["securityGroupId"]),
                    SecurityGroupRules=[
                        {"SecurityGroupRuleId": identifier, "SecurityGroupRule": _rule_request(inputs)}
                    ],
                )
            removed, changed = tag_changes(tags_of(state), tags_of(inputs))
            if removed:
                ec2.delete_tags(Resources=[identifier], Tags=[{"Key": key} for key in removed])
            if changed:
                ec2.create_tags(
                    Resources=[identifier],
                    Tags=[{"Key": key, "Value": value} for key, value in changed.items()],
                )

    @override
    def recorded(self, identifier: str, inputs: PropertyMap) -> PropertyMap:
        """Record the inputs as they were given: the real plugin doesn't read a rule back."""
        return {
            "arn": self._arn(identifier),
            "region": self.aws.region,
            "securityGroupRuleId": identifier,
            "tags": {},
            "tagsAll": inputs.get("tags", {}),
            **inputs,
        }

    def _arn(self, identifier: str) -> str:
        account = self.aws.account_id
        return f"arn:{self.aws.partition}:ec2:{self.aws.region}:{account}:security-group-rule/{identifier}"

    @override
    def delete(self, resource: Resource, identifier: str, state: PropertyMap) -> None:
        """Revoke the rule."""
        from botocore.exceptions import ClientError

        with failing_as(f"deleting VPC Security Group Rule ({identifier})", "ec2"):
            try:
                self.aws.client("ec2").revoke_security_group_ingress(
                    GroupId=str(state["securityGroupId"]), SecurityGroupRuleIds=[identifier]
                )
            except ClientError as error:
                if error_code(error) not in {"InvalidSecurityGroupRuleId.NotFound", "InvalidGroup.NotFound"}:
                    raise


def _described_rule(aws: Aws, identifier: str) -> "SecurityGroupRuleTypeDef | None":
    """Return a rule by its id; None if there is none."""
    from botocore.exceptions import ClientError

    try:
        found = aws.client("ec2").describe_security_group_rules(SecurityGroupRuleIds=[identifier])
    except ClientError as error:
        if error_code(error) in {"InvalidSecurityGroupRuleId.NotFound", "InvalidGroup.NotFound"}:
            return None
        raise
    return next(iter(found["SecurityGroupRules"]), None)


def _text(properties: PropertyMap, name: str) -> str | None:
    value = properties.get(name)
    return value if isinstance(value, str) and value else None


def _number(properties: PropertyMap, name: str) -> int | None:
    value = properties.get(name)
    return value if isinstance(value, int) else None


def _permission(inputs: PropertyMap) -> "IpPermissionTypeDef":
    permission: IpPermissionTypeDef = {"IpProtocol": str(inputs["ipProtocol"])}
    if (from_port := _number(inputs, "fromPort")) is not None:
        permission["FromPort"] = from_port
    if (to_port := _number(inputs, "toPort")) is not None:
        permission["ToPort"] = to_port
    described = _text(inputs, "description")
    if ipv4 := _text(inputs, "cidrIpv4"):
        permission["IpRanges"] = [{"CidrIp": ipv4}]
        if described:
            permission["IpRanges"][0]["Description"] = described
    if ipv6 := _text(inputs, "cidrIpv6"):
        permission["Ipv6Ranges"] = [{"CidrIpv6": ipv6}]
        if described:
            permission["Ipv6Ranges"][0]["Description"] = described
    if group := _text(inputs, "referencedSecurityGroupId"):
        account, _, identifier = group.rpartition("/")
        pair: UserIdGroupPairTypeDef = {"GroupId": identifier}
        if account:
            pair["UserId"] = account
        if described:
            pair["Description"] = described
        permission["UserIdGroupPairs"] = [pair]
    return permission


def _rule_request(inputs: PropertyMap) -> "SecurityGroupRuleRequestTypeDef":
    request: SecurityGroupRuleRequestTypeDef = {"IpProtocol": str(inputs["ipProtocol"])}
    if (from_port := _number(inputs, "fromPort")) is not None:
        request["FromPort"] = from_port
    if (to_port := _number(inputs, "toPort")) is not None:
        request["ToPort"] = to_port
    if ipv4 := _text(inputs, "cidrIpv4"):
        request["CidrIpv4"] = ipv4
    if ipv6 := _text(inputs, "cidrIpv6"):
        request["CidrIpv6"] = ipv6
    if group := _text(inputs, "referencedSecurityGroupId"):
        request["ReferencedGroupId"] = group.rpartition("/")[2]
    if described := _text(inputs, "description"):
        request["Description"] = described
    return request


def get_security_group(aws: Aws, arguments: PropertyMap) -> PropertyMap:
    """Find a security group by its id."""
    from botocore.exceptions import ClientError

    identifier = arguments.get("id")
    if not isinstance(identifier, str) or isinstance(identifier, Unknown):
        raise ProviderError("aws:ec2/getSecurityGroup:getSecurityGroup needs the argument id")
    with failing_as("reading EC2 Security Group", "ec2"):
        try:
            groups = aws.client("ec2").describe_security_groups(GroupIds=[identifier])["SecurityGroups"]
        except ClientError as error:
            if error_code(error) != "InvalidGroup.NotFound":
                raise
            groups = []
    if not groups:
        raise ProviderError(one_error("no matching EC2 Security Group found"))
    group = groups[0]
    tags: dict[str, PropertyValue] = {
        tag["Key"]: tag["Value"] for tag in group.get("Tags", []) if not tag["Key"].startswith("aws:")
    }
    return {
        "arn": f"arn:{aws.partition}:ec2:{aws.region}:{group['OwnerId']}:security-group/{identifier}",
        "description": group["Description"],
        "id": identifier,
        "name": group["GroupName"],
        "region": aws.region,
        "tags": tags,
        "vpcId": group.get("VpcId", ""),
    }


def get_security_group_rules(aws: Aws, arguments: PropertyMap) -> PropertyMap:
    """List the ids of the rules, ingress and egress, that the filters select."""
    filters = arguments.get("filters", [])
    if not isinstance(filters, list):
        raise ProviderError("expected filters to be a list")
    selected: list[FilterTypeDef] = []
    for one in filters:
        if not isinstance(one, dict) or one.keys() != {"name", "values"}:
            raise ProviderError("a filter has a name and values")
        values = one["values"] if isinstance(one["values"], list) else []
        selected.append({"Name": str(one["name"]), "Values": [str(value) for value in values]})
    with failing_as("reading Security Group Rules", "ec2"):
        pages = aws.client("ec2").get_paginator("describe_security_group_rules").paginate(Filters=selected)
        rules = [rule for page in pages for rule in page["SecurityGroupRules"]]
    identifiers: list[PropertyValue] = [rule["SecurityGroupRuleId"] for rule in rules]
    return {"filters": filters, "id": aws.region, "ids": identifiers, "region": aws.region}


def get_security_group_rule(aws: Aws, arguments: PropertyMap) -> PropertyMap:
    """Describe a rule by its id; what it doesn't have isn't in the answer."""
    identifier = arguments.get("securityGroupRuleId")
    if not isinstance(identifier, str) or isinstance(identifier, Unknown):
        raise ProviderError("getSecurityGroupRule needs the argument securityGroupRuleId")
    with failing_as("reading Security Group Rules", "ec2"):
        rule = _described_rule(aws, identifier)
    if rule is None:
        raise ProviderError(one_error("reading Security Group Rules: no matching Security Group Rule found"))
    owner = rule.get("ReferencedGroupInfo", {}).get("UserId")
    referenced = rule.get("ReferencedGroupInfo", {}).get("GroupId")
    answer: PropertyMap = {
        "arn": f"arn:{aws.partition}:ec2:{aws.region}:{aws.account_id}:security-group-rule/{identifier}",
        "cidrIpv4": rule.get("CidrIpv4"),
        "cidrIpv6": rule.get("CidrIpv6"),
        "description": rule.get("Description"),
        "fromPort": rule.get("FromPort"),
        "id": identifier,
        "ipProtocol": rule["IpProtocol"],
        "isEgress": rule.get("IsEgress", False),
        "prefixListId": rule.get("PrefixListId"),
        # The real plugin puts the account before a group of another one.
        "referencedSecurityGroupId": (
            f"{owner}/{referenced}" if owner not in (None, aws.account_id) else referenced
        ),
        "region": aws.region,
        "securityGroupId": rule["GroupId"],
        "securityGroupRuleId": identifier,
        "tags": tag_outputs((tag["Key"], tag["Value"]) for tag in rule.get("Tags", []))["tags"],
        "toPort": rule.get("ToPort"),
    }
    return {name: value for name, value in answer.items() if value is not None}
