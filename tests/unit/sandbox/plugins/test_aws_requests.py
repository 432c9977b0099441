"""The stand-in of the AWS plugin asks AWS for what docs/permissions.md says that the real one asks for."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import cast

import pytest
from botocore.client import BaseClient
from moto import mock_aws

from sandbox.plugins.aws.api import Aws
from sandbox.plugins.aws.configuration import Configuration
from sandbox.plugins.aws.ec2 import (
    SecurityGroupIngressRule,
    get_security_group,
    get_security_group_rule,
    get_security_group_rules,
)
from sandbox.plugins.aws.eks import get_cluster
from sandbox.plugins.aws.iam_policy import Policy, get_open_id_connect_provider
from sandbox.plugins.aws.iam_role import Role, RolePolicyAttachment, get_role
from sandbox.plugins.aws.kms import Alias, Key, get_key
from sandbox.plugins.aws.resource_type import AwsResourceType
from sandbox.plugins.aws.secretsmanager import Secret, SecretPolicy
from sandbox.plugins.property_values import PropertyMap
from sandbox.plugins.provider import ProviderError, Resource
from tests.unit.docs.aws_requests import AwsRequests, aws_requests

ROOT = {"AWS": "arn:aws:iam::123456789012:root"}
THING = Resource("urn:pulumi:dev::project::type::thing")


def document(action: str, **more: object) -> str:
    statement = {"Effect": "Allow", "Action": action, "Resource": "*", **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def trust(service: str) -> str:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@dataclass(frozen=True)
class Account:
    """An account in which every request of the stand-in is recorded, as the action that it is."""

    aws: Aws
    requests: list[str]

    def asked(self, request: Callable[[], object]) -> set[str]:
        """Return what is asked for while ``request`` is made, but for who calls: that needs no right."""
        self.requests.clear()
        request()
        return set(self.requests) - {"sts:GetCallerIdentity"}


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    """One for all tests, as reading what botocore knows of EC2 takes longer than all of them."""
    requests: list[str] = []
    send = BaseClient._make_api_call  # type: ignore[attr-defined]

    def record(client: BaseClient, operation: str, arguments: object) -> object:
        requests.append(f"{client.meta.service_model.service_name}:{operation}")
        return send(client, operation, arguments)

    with mock_aws(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", record)
        yield Account(Aws(Configuration("eu-west-1")), requests)


@dataclass
class Life:
    """One resource, from its creation on."""

    account: Account
    resource: AwsResourceType
    identifier: str = ""
    state: PropertyMap = field(default_factory=dict)

    @property
    def listed(self) -> AwsRequests:
        return aws_requests()[self.resource.token]

    def create(self, inputs: PropertyMap) -> None:
        created = self.resource.make(inputs)
        self.identifier, self.state = created.identifier, created.state

    def update(self, *changes: PropertyMap) -> None:
        for inputs in changes:
            self.state = self.resource.update(THING, self.identifier, self.state, inputs, preview=False)

    def read(self) -> None:
        found = self.resource.read(THING, self.identifier, self.state, self.state)
        assert found is not None
        self.state = found.state

    def delete(self) -> None:
        self.resource.delete(THING, self.identifier, self.state)

    def runs(self, inputs: PropertyMap, *changes: PropertyMap) -> None:
        """Create, change and read it, each with what the page lists; all but a rule are read back, too."""
        read_back = set() if isinstance(self.resource, SecurityGroupIngressRule) else self.listed.read
        asked = self.account.asked(lambda: self.create(inputs))
        assert asked - read_back == self.listed.created - read_back
        asked = self.account.asked(lambda: self.update(*changes))
        assert asked - read_back == self.listed.changed - read_back
        assert self.account.asked(self.read) == self.listed.read

    def ends(self) -> None:
        assert self.account.asked(self.delete) == self.listed.deleted


def test_key(account: Account) -> None:
    key = Life(account, Key(account.aws))
    inputs: PropertyMap = {
        "enableKeyRotation": True,
        "policy": document("kms:*", Principal=ROOT),
        "tags": {"a": "1"},
    }
    changed: PropertyMap = {
        "enableKeyRotation": False,
        "policy": document("kms:Put*", Principal=ROOT),
        "tags": {"b": "2"},
    }
    key.runs(inputs, changed, inputs)
    key.ends()


def test_alias(account: Account) -> None:
    target = account.aws.client("kms").create_key()["KeyMetadata"]["KeyId"]
    alias = Life(account, Alias(account.aws))
    alias.runs({"name": "alias/vault", "targetKeyId": target})
    alias.ends()


def test_role_with_another_policy_of_somebody(account: Account) -> None:
    iam = account.aws.client("iam")
    other = iam.create_policy(PolicyName="other", PolicyDocument=document("s3:Get*"))["Policy"]["Arn"]
    inputs: PropertyMap = {
        "name": "vault",
        "path": "/",
        "maxSessionDuration": 3600,
        "assumeRolePolicy": trust("ec2.amazonaws.com"),
        "tags": {"a": "1"},
    }
    changed: PropertyMap = {
        **inputs,
        "assumeRolePolicy": trust("eks.amazonaws.com"),
        "permissionsBoundary": other,
        "tags": {"b": "2"},
    }
    role = Life(account, Role(account.aws))
    assert account.asked(lambda: role.create(inputs)) - role.listed.read == role.listed.created
    iam.put_role_policy(RoleName="vault", PolicyName="inline", PolicyDocument=document("s3:Get*"))
    assert account.asked(role.read) == role.listed.read
    iam.delete_role_policy(RoleName="vault", PolicyName="inline")
    iam.attach_role_policy(RoleName="vault", PolicyArn=other)
    role.read()
    iam.detach_role_policy(RoleName="vault", PolicyArn=other)
    assert account.asked(lambda: role.update(changed, inputs)) - role.listed.read == (role.listed.changed)
    role.state["managedPolicyArns"] = [other]
    role.ends()


def test_policy_with_as_many_versions_as_there_may_be(account: Account) -> None:
    inputs: PropertyMap = {"name": "unseal", "path": "/", "policy": document("s3:Get*"), "tags": {"a": "1"}}
    policy = Life(account, Policy(account.aws))
    changes: list[PropertyMap] = [
        {**inputs, "policy": document(f"s3:Get{number}*"), "tags": {"b": "2"}} for number in range(5)
    ]
    policy.runs(inputs, *changes)
    policy.ends()


def test_attachment(account: Account) -> None:
    iam = account.aws.client("iam")
    iam.create_role(RoleName="attached", AssumeRolePolicyDocument=trust("ec2.amazonaws.com"))
    arn = iam.create_policy(PolicyName="attached", PolicyDocument=document("s3:Get*"))["Policy"]["Arn"]
    attachment = Life(account, RolePolicyAttachment(account.aws))
    attachment.runs({"role": "attached", "policyArn": arn})
    attachment.ends()


def test_rule_and_its_arn(account: Account) -> None:
    ec2 = account.aws.client("ec2")
    group = ec2.create_security_group(GroupName="nodes", Description="nodes")["GroupId"]
    inputs: PropertyMap = {
        "securityGroupId": group,
        "ipProtocol": "tcp",
        "cidrIpv4": "10.0.0.0/8",
        "fromPort": 8080,
        "toPort": 8080,
        "tags": {"a": "1"},
    }
    rule = Life(account, SecurityGroupIngressRule(account.aws))
    rule.create(inputs)
    arn = f"arn:aws:ec2:eu-west-1:123456789012:security-group-rule/{rule.identifier}"
    assert rule.state["arn"] == arn
    rule.read()
    assert rule.state["arn"] == arn
    rule.delete()
    rule.runs(inputs, {**inputs, "fromPort": 8081, "toPort": 8081, "tags": {"b": "2"}})
    rule.ends()


def test_secret_and_its_policy(account: Account) -> None:
    inputs: PropertyMap = {
        "name": "keys",
        "description": "of Vault",
        "recoveryWindowInDays": 7,
        "tags": {"a": "1"},
    }
    secret = Life(account, Secret(account.aws))
    secret.runs(inputs, {**inputs, "tags": {"b": "2"}})
    policy = Life(account, SecretPolicy(account.aws))
    put: PropertyMap = {
        "secretArn": secret.identifier,
        "policy": document("secretsmanager:GetSecretValue", Principal=ROOT),
    }
    policy.runs(put, {**put, "policy": document("secretsmanager:PutSecretValue", Principal=ROOT)})
    policy.ends()
    secret.ends()


def test_look_ups(account: Account) -> None:
    url = "https://oidc.eks.eu-west-1.amazonaws.com/id/AB"
    iam, eks, ec2 = account.aws.client("iam"), account.aws.client("eks"), account.aws.client("ec2")
    iam.create_open_id_connect_provider(
        Url=url, ClientIDList=["sts.amazonaws.com"], ThumbprintList=["0" * 40]
    )
    role = iam.create_role(RoleName="eks", AssumeRolePolicyDocument=trust("eks.amazonaws.com"))["Role"]["Arn"]
    key = account.aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    eks.create_cluster(name="prod", roleArn=role, resourcesVpcConfig={"subnetIds": []})
    group = ec2.create_security_group(GroupName="others", Description="others")["GroupId"]
    of_group: PropertyMap = {"filters": [{"name": "group-id", "values": [group]}]}
    (rule,) = cast(list[str], get_security_group_rules(account.aws, of_group)["ids"])
    for token, look_up in {
        "aws:eks/getCluster:getCluster": lambda: get_cluster(account.aws, {"name": "prod"}),
        "aws:iam/getOpenIdConnectProvider:getOpenIdConnectProvider": lambda: get_open_id_connect_provider(
            account.aws, {"url": url}
        ),
        "aws:iam/getRole:getRole": lambda: get_role(account.aws, {"name": "eks"}),
        "aws:kms/getKey:getKey": lambda: get_key(account.aws, {"keyId": key}),
        "aws:ec2/getSecurityGroup:getSecurityGroup": lambda: get_security_group(account.aws, {"id": group}),
        "aws:vpc/getSecurityGroupRules:getSecurityGroupRules": lambda: get_security_group_rules(
            account.aws, of_group
        ),
        "aws:vpc/getSecurityGroupRule:getSecurityGroupRule": lambda: get_security_group_rule(
            account.aws, {"securityGroupRuleId": rule}
        ),
    }.items():
        assert account.asked(look_up) == aws_requests()[token].read


def test_rules_of_a_group_are_told_one_by_one(account: Account) -> None:
    ec2 = account.aws.client("ec2")
    groups = [
        ec2.create_security_group(GroupName=name, Description=name)["GroupId"]
        for name in ("of-nodes", "of-plane")
    ]
    created = ec2.authorize_security_group_ingress(
        GroupId=groups[0],
        IpPermissions=[
            {
                "IpProtocol": "tcp",
                "FromPort": 8080,
                "ToPort": 8080,
                "UserIdGroupPairs": [{"GroupId": groups[1], "Description": "webhook"}],
            }
        ],
    )["SecurityGroupRules"][0]["SecurityGroupRuleId"]
    of_group: PropertyMap = {"filters": [{"name": "group-id", "values": [groups[0]]}]}
    rules = cast(list[str], get_security_group_rules(account.aws, of_group)["ids"])
    (egress,) = set(rules) - {created}
    assert get_security_group_rule(account.aws, {"securityGroupRuleId": egress})["isEgress"] is True
    found = get_security_group_rule(account.aws, {"securityGroupRuleId": created})
    # moto keeps no description of a rule with a group.
    passed_over = ("arn", "description", "id", "region", "tags")
    assert {name: value for name, value in found.items() if name not in passed_over} == {
        "fromPort": 8080,
        "ipProtocol": "tcp",
        "isEgress": False,
        "referencedSecurityGroupId": groups[1],
        "securityGroupId": groups[0],
        "securityGroupRuleId": created,
        "toPort": 8080,
    }
    with pytest.raises(ProviderError, match="no matching Security Group Rule found"):
        get_security_group_rule(account.aws, {"securityGroupRuleId": "sgr-00000000000000000"})


def test_key_is_described_in_its_own_region_even_if_it_will_be_deleted(account: Account) -> None:
    other = Aws(Configuration("us-west-2")).client("kms")
    # moto, unlike KMS, has no default for the usage, and takes no ARN where a deletion is scheduled.
    arn = other.create_key(KeyUsage="ENCRYPT_DECRYPT")["KeyMetadata"]["Arn"]
    other.schedule_key_deletion(KeyId=arn.rpartition("/")[2])
    found = get_key(account.aws, {"keyId": arn, "region": "us-west-2"})
    assert (found["arn"], found["keyState"], found["keySpec"], found["keyUsage"]) == (
        arn,
        "PendingDeletion",
        "SYMMETRIC_DEFAULT",
        "ENCRYPT_DECRYPT",
    )


def test_role_is_described_with_its_trust_policy_as_text(account: Account) -> None:
    account.aws.client("iam").create_role(
        RoleName="described", Path="/teams/", AssumeRolePolicyDocument=trust("ec2.amazonaws.com")
    )
    found = get_role(account.aws, {"name": "described"})
    assert found["arn"] == "arn:aws:iam::123456789012:role/teams/described"
    assert json.loads(str(found["assumeRolePolicy"])) == json.loads(trust("ec2.amazonaws.com"))


def test_what_is_not_there_is_said_in_the_plugins_words(account: Account) -> None:
    with pytest.raises(ProviderError, match=r"reading IAM Role \(nobody\): couldn't find resource"):
        get_role(account.aws, {"name": "nobody"})
    missing = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000"
    with pytest.raises(ProviderError, match="couldn't find resource"):
        get_key(account.aws, {"keyId": missing})
