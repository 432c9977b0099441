"""Check, difference and preview of the AWS resource types; nothing here speaks to AWS."""

import json

import pytest

from sandbox.plugins.aws.api import Aws
from sandbox.plugins.aws.configuration import Configuration
from sandbox.plugins.aws.ec2 import SecurityGroupIngressRule
from sandbox.plugins.aws.iam_policy import Policy
from sandbox.plugins.aws.iam_role import Role, RolePolicyAttachment
from sandbox.plugins.aws.kms import Alias, Key
from sandbox.plugins.aws.resource_type import AwsResourceType
from sandbox.plugins.aws.secretsmanager import Secret, SecretPolicy
from sandbox.plugins.property_differences import Kind
from sandbox.plugins.property_values import UNKNOWN, PropertyMap, PropertyValue
from sandbox.plugins.provider import Change, Resource

AWS = Aws(Configuration("eu-west-1"))
DOCUMENT = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "a", "Resource": "*"}]}
)
SECRET_ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:keys-a1b2c3"
RULE: PropertyMap = {"securityGroupId": "sg-1", "ipProtocol": "tcp", "cidrIpv4": "10.0.0.0/8"}


def checked(kind: AwsResourceType, inputs: PropertyMap, old: PropertyMap | None = None) -> PropertyMap:
    """The inputs after a check that finds nothing wrong."""
    result = kind.check(_resource(), old or {}, inputs)
    assert result.failures == ()
    return result.inputs


def reasons(kind: AwsResourceType, inputs: PropertyMap) -> dict[str, str]:
    """What a check finds wrong, by property."""
    return {failure.property_path: failure.reason for failure in kind.check(_resource(), {}, inputs).failures}


def changes(
    kind: AwsResourceType, old: PropertyMap, new: PropertyMap, **outputs: PropertyValue
) -> dict[str, Change]:
    """The changes from one checked set of inputs to another."""
    state = {**checked(kind, old), **outputs}
    return dict(kind.diff(state, checked(kind, old), checked(kind, new)).changes)


def _resource(seed: bytes = b"seed") -> Resource:
    return Resource("urn:pulumi:dev::project::type::thing", random_seed=seed)


def test_a_key_gets_the_real_defaults() -> None:
    inputs = checked(Key(AWS), {"enableKeyRotation": True})

    assert inputs["keyUsage"] == "ENCRYPT_DECRYPT"
    assert inputs["customerMasterKeySpec"] == "SYMMETRIC_DEFAULT"
    assert inputs["isEnabled"] is True
    assert inputs["__defaults"] == [
        "bypassPolicyLockoutSafetyCheck",
        "customerMasterKeySpec",
        "isEnabled",
        "keyUsage",
    ]
    assert "deletionWindowInDays" not in inputs


def test_a_secret_gets_the_real_defaults() -> None:
    inputs = checked(Secret(AWS), {"name": "keys"})

    assert inputs["recoveryWindowInDays"] == 30
    assert inputs["__defaults"] == ["forceOverwriteReplicaSecret", "recoveryWindowInDays"]


@pytest.mark.parametrize(
    ("kind", "inputs", "wrong", "text"),
    [
        (Key, {"deletionWindowInDays": 6}, "deletionWindowInDays", "in the range (7 - 30), got 6"),
        (Key, {"deletionWindowInDays": "7"}, "deletionWindowInDays", "expected type 'int'"),
        (Key, {"rotationPeriodInDays": 89}, "rotationPeriodInDays", "in the range (90 - 2560)"),
        (Key, {"policy": " {}"}, "policy", "JSON object"),
        (Key, {"policy": "{"}, "policy", "valid JSON"),
        (Key, {"multiRegion": True}, "multiRegion", "needs the real plugin"),
        (Key, {"region": "eu-west-2"}, "region", "needs the real plugin"),
        (Key, {"keyUsage": "SIGN_VERIFY"}, "keyUsage", "needs the real plugin"),
        (Key, {"colour": "red"}, "colour", "Invalid or unknown key"),
        (Key, {"tags": {"a": 1}}, "tags", "every value of tags to be a string"),
        (Alias, {"name": "vault", "targetKeyId": "k"}, "name", "begin with 'alias/'"),
        (Alias, {"name": "alias/aws/s3", "targetKeyId": "k"}, "name", "begin with 'alias/'"),
        (Alias, {"name": "alias/vault"}, "targetKeyId", 'The argument "target_key_id" is required'),
        (Role, {}, "assumeRolePolicy", 'The argument "assume_role_policy" is required'),
        (
            Role,
            {"assumeRolePolicy": DOCUMENT, "maxSessionDuration": 60},
            "maxSessionDuration",
            "(3600 - 43200)",
        ),
        (
            Role,
            {"assumeRolePolicy": DOCUMENT, "name": "r" * 65},
            "name",
            "length of name to be in the range (1 - 64)",
        ),
        (Role, {"assumeRolePolicy": DOCUMENT, "name": "a b"}, "name", "to match"),
        (Role, {"assumeRolePolicy": DOCUMENT, "permissionsBoundary": "x"}, "permissionsBoundary", "an ARN"),
        (Role, {"assumeRolePolicy": DOCUMENT, "managedPolicyArns": []}, "managedPolicyArns", "real plugin"),
        (Policy, {"policy": "not json"}, "policy", "JSON object"),
        (RolePolicyAttachment, {"role": "r", "policyArn": "x"}, "policyArn", "an ARN"),
        (Secret, {"recoveryWindowInDays": 6}, "recoveryWindowInDays", "to be 0 or in the range (7 - 30)"),
        (Secret, {"name": "a b"}, "name", "alphanumeric characters"),
        (Secret, {"name": "n" * 513}, "name", "length of name to be in the range (1 - 512)"),
        (Secret, {"forceOverwriteReplicaSecret": True}, "forceOverwriteReplicaSecret", "real plugin"),
        (Secret, {"policy": DOCUMENT}, "policy", "needs the real plugin"),
        (Secret, {"replicas": []}, "replicas", "needs the real plugin"),
        (SecretPolicy, {"policy": DOCUMENT}, "secretArn", 'The argument "secret_arn" is required'),
        (SecretPolicy, {"policy": DOCUMENT, "secretArn": "keys"}, "secretArn", "to be an ARN"),
        (SecretPolicy, {"policy": "x", "secretArn": SECRET_ARN}, "policy", "JSON object"),
        (SecurityGroupIngressRule, {**RULE, "fromPort": 65536}, "fromPort", "(-1 - 65535)"),
        (SecurityGroupIngressRule, {**RULE, "cidrIpv4": "10.0.0.1/8"}, "cidrIpv4", "CIDR"),
        (SecurityGroupIngressRule, {**RULE, "cidrIpv6": "::/0"}, "", "2 attributes specified when one"),
        (
            SecurityGroupIngressRule,
            {"securityGroupId": "s", "ipProtocol": "tcp"},
            "",
            "No attribute specified",
        ),
        (SecurityGroupIngressRule, {**RULE, "prefixListId": "pl-1"}, "prefixListId", "needs the real plugin"),
    ],
)
def test_wrong_inputs_are_refused(
    kind: type[AwsResourceType], inputs: PropertyMap, wrong: str, text: str
) -> None:
    assert text in reasons(kind(AWS), inputs)[wrong]


def test_everything_wrong_is_said_at_once() -> None:
    assert reasons(Key(AWS), {"deletionWindowInDays": 1, "policy": "x", "colour": "red"}).keys() == {
        "deletionWindowInDays",
        "policy",
        "colour",
    }


def test_unknown_inputs_pass_the_check() -> None:
    assert checked(Alias(AWS), {"name": "alias/a", "targetKeyId": UNKNOWN})["targetKeyId"] is UNKNOWN


def test_names_are_made_once() -> None:
    role = Role(AWS)
    first = checked(role, {"assumeRolePolicy": DOCUMENT})
    again = checked(role, {"assumeRolePolicy": DOCUMENT}, first)

    assert str(first["name"]).startswith("thing-")
    assert len(str(first["name"])) == len("thing-") + 7
    assert again["name"] == first["name"]
    assert str(checked(Alias(AWS), {"targetKeyId": "k"})["name"]).startswith("alias/thing-")


def test_a_name_that_is_no_longer_given_becomes_an_automatic_one() -> None:
    named = checked(Role(AWS), {"assumeRolePolicy": DOCUMENT, "name": "mine"})

    assert checked(Role(AWS), {"assumeRolePolicy": DOCUMENT}, named)["name"] != "mine"


@pytest.mark.parametrize(
    ("kind", "old", "new", "changed", "replaces"),
    [
        (Key, {"description": "a"}, {"description": "b"}, "description", False),
        (Key, {"deletionWindowInDays": 7}, {"deletionWindowInDays": 8}, "deletionWindowInDays", False),
        (
            Alias,
            {"name": "alias/a", "targetKeyId": "k"},
            {"name": "alias/b", "targetKeyId": "k"},
            "name",
            True,
        ),
        (
            Alias,
            {"name": "alias/a", "targetKeyId": "k"},
            {"name": "alias/a", "targetKeyId": "l"},
            "targetKeyId",
            False,
        ),
        (
            Role,
            {"name": "r", "assumeRolePolicy": DOCUMENT},
            {"name": "r", "assumeRolePolicy": DOCUMENT, "path": "/p/"},
            "path",
            True,
        ),
        (Policy, {"name": "p", "policy": DOCUMENT}, {"name": "q", "policy": DOCUMENT}, "name", True),
        (
            Policy,
            {"name": "p", "policy": DOCUMENT},
            {"name": "p", "policy": DOCUMENT, "description": "d"},
            "description",
            True,
        ),
        (Policy, {"name": "p", "policy": DOCUMENT}, {"name": "p", "policy": UNKNOWN}, "policy", False),
        (
            RolePolicyAttachment,
            {"role": "r", "policyArn": "arn:aws:iam::123456789012:policy/a"},
            {"role": UNKNOWN, "policyArn": "arn:aws:iam::123456789012:policy/a"},
            "role",
            True,
        ),
        (Secret, {"name": "a"}, {"name": "b"}, "name", True),
        (Secret, {"name": "a", "kmsKeyId": "k"}, {"name": "a", "kmsKeyId": "l"}, "kmsKeyId", False),
        (Secret, {"name": "a"}, {"name": "a", "recoveryWindowInDays": 7}, "recoveryWindowInDays", False),
        (
            SecretPolicy,
            {"policy": DOCUMENT, "secretArn": SECRET_ARN},
            {"policy": DOCUMENT, "secretArn": f"{SECRET_ARN}2"},
            "secretArn",
            True,
        ),
        (
            SecretPolicy,
            {"policy": DOCUMENT, "secretArn": SECRET_ARN},
            {"policy": DOCUMENT, "secretArn": SECRET_ARN, "blockPublicPolicy": True},
            "blockPublicPolicy",
            False,
        ),
        (SecurityGroupIngressRule, RULE, {**RULE, "securityGroupId": "sg-2"}, "securityGroupId", True),
        (SecurityGroupIngressRule, RULE, {**RULE, "fromPort": 80}, "fromPort", False),
        (SecurityGroupIngressRule, RULE, {**RULE, "cidrIpv4": "10.1.0.0/16"}, "cidrIpv4", False),
        (
            SecurityGroupIngressRule,
            RULE,
            {"securityGroupId": "sg-1", "ipProtocol": "tcp", "referencedSecurityGroupId": "sg-3"},
            "cidrIpv4",
            True,
        ),
    ],
)
def test_what_a_change_leads_to(
    kind: type[AwsResourceType], old: PropertyMap, new: PropertyMap, changed: str, replaces: bool
) -> None:
    assert changes(kind(AWS), old, new)[changed].replaces is replaces


def test_an_unchanged_resource_has_no_changes() -> None:
    assert (
        changes(Key(AWS), {"description": "a", "tags": {"b": "c"}}, {"description": "a", "tags": {"b": "c"}})
        == {}
    )


def test_a_policy_in_other_words_is_no_change() -> None:
    indented = json.dumps(json.loads(DOCUMENT), indent=4)

    assert changes(Policy(AWS), {"name": "p", "policy": DOCUMENT}, {"name": "p", "policy": indented}) == {}


def test_a_key_by_its_arn_is_the_same_key() -> None:
    old: PropertyMap = {"name": "alias/a", "targetKeyId": "1234"}

    assert changes(Alias(AWS), old, {**old, "targetKeyId": "arn:aws:kms:eu-west-1:1:key/1234"}) == {}


def test_a_protocol_by_its_number_is_the_same_protocol() -> None:
    assert changes(SecurityGroupIngressRule(AWS), RULE, {**RULE, "ipProtocol": "6"}) == {}


def test_what_aws_chose_is_no_change() -> None:
    assert changes(Key(AWS), {}, {}, policy=DOCUMENT, rotationPeriodInDays=365, description="") == {}


def test_a_removed_tag_is_a_change() -> None:
    assert changes(Key(AWS), {"tags": {"a": "1", "b": "2"}}, {"tags": {"a": "1"}}) == {
        "tags.b": Change(Kind.DELETE)
    }


def test_a_role_of_a_chosen_name_makes_room_before_its_replacement() -> None:
    role = Role(AWS)
    old: PropertyMap = {"name": "r", "assumeRolePolicy": DOCUMENT}
    moved = role.diff(checked(role, old), checked(role, old), checked(role, {**old, "path": "/p/"}))
    renamed = role.diff(checked(role, old), checked(role, old), checked(role, {**old, "name": "s"}))

    assert moved.delete_before_replace
    assert not renamed.delete_before_replace


def test_a_preview_knows_inputs_and_tags_only() -> None:
    key = Key(AWS)
    foretold = key.create(_resource(), checked(key, {"description": "d", "tags": {"a": "b"}}), preview=True)

    assert foretold.identifier == ""
    assert foretold.state["arn"] is UNKNOWN
    assert foretold.state["policy"] is UNKNOWN
    assert foretold.state["description"] == "d"
    assert foretold.state["tagsAll"] == {"a": "b"}


def test_a_preview_of_an_update_keeps_the_outputs() -> None:
    key = Key(AWS)
    state: PropertyMap = {**checked(key, {"description": "d"}), "arn": "arn", "keyId": "k"}
    foretold = key.update(_resource(), "k", state, checked(key, {"description": "e"}), preview=True)

    assert foretold["arn"] == "arn"
    assert foretold["description"] == "e"
