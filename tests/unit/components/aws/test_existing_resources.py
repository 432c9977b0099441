"""Which resources of a stack are in AWS: what counts as equal, as missing, and as an error."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from components.aws.credentials import CredentialSource
from components.aws.existing_resources import ExistingAwsResources
from components.errors import DeploymentError
from components.planned_resource import Plan, PlannedResource
from components.resource_types import AWS_SECRET as SECRET
from components.resource_types import IAM_POLICY as POLICY
from components.resource_types import IAM_ROLE as ROLE
from components.resource_types import KMS_ALIAS as ALIAS
from components.resource_types import KMS_KEY as KEY

ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
SECRET_POLICY = "aws:secretsmanager/secretPolicy:SecretPolicy"
POLICY_ARN = "arn:aws-us-gov:iam::123456789012:policy/team/unseal"
SECRET_ARN = "arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:vault/keys-AbCdEf"


def planned(resource_type: str, **inputs: Any) -> PlannedResource:
    return PlannedResource(f"urn::{resource_type}", resource_type, "component", inputs)


RESOURCES = (
    planned(ALIAS, name="alias/vault"),
    planned(KEY),
    planned(ROLE, name="vault", path="/team/"),
    planned(POLICY, name="unseal", path="/team/"),
    planned(ATTACHMENT, role="vault"),
    planned(
        RULE,
        securityGroupId="sg-nodes",
        referencedSecurityGroupId="sg-cluster",
        ipProtocol="tcp",
        fromPort=8080,
        toPort=8080,
    ),
)
OF_THE_STORE = (planned(SECRET, name="vault/keys"), planned(SECRET_POLICY), planned(KEY))
EQUAL_RULE: Mapping[str, Any] = {
    "SecurityGroupRuleId": "sgr-1",
    "IsEgress": False,
    "IpProtocol": "tcp",
    "FromPort": 8080,
    "ToPort": 8080,
    "ReferencedGroupInfo": {"GroupId": "sg-cluster"},
}


@dataclass
class Account:
    """A session of boto3's whose clients answer by operation, in one page, or fail with an error code."""

    answers: dict[str, Any] = field(default_factory=dict)
    region_name: str = "us-gov-west-1"

    def client(self, _service: str, **_options: object) -> "Account":
        return self

    def __getattr__(self, operation: str) -> Any:
        return lambda **_arguments: self.answer(operation)

    def get_paginator(self, operation: str) -> Any:
        pages = lambda: iter([self.answer(operation)])  # noqa: E731 - asked when it is iterated, as boto3 does
        return type("Paginator", (), {"paginate": lambda _self, **_arguments: Pages(pages)})()

    def answer(self, operation: str) -> Any:
        answer = self.answers.get(operation, "NoSuchEntity")
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, str):
            raise ClientError({"Error": {"Code": answer, "Message": "said AWS"}}, operation)
        return answer


@dataclass
class Pages:
    ask: Any

    def __iter__(self) -> Any:
        return self.ask()


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    found = Account({"get_caller_identity": {"Arn": "arn:aws-us-gov:sts::123456789012:assumed-role/a/b"}})
    monkeypatch.setattr(CredentialSource, "session", lambda _self, _region: found)
    return found


def found(*resources: PlannedResource) -> dict[str, str | None]:
    existing = ExistingAwsResources(Plan(resources), CredentialSource(), region="us-gov-west-1")
    return {resource.type: existing.finders[resource.type](resource) for resource in resources}


def test_everything_is_found_by_its_name(account: Account) -> None:
    account.answers |= {
        "list_aliases": {"Aliases": [{"AliasName": "alias/vault", "TargetKeyId": "1234"}]},
        "get_role": {},
        "get_policy": {},
        "list_attached_role_policies": {"AttachedPolicies": [{"PolicyArn": POLICY_ARN}]},
        "describe_security_group_rules": {"SecurityGroupRules": [EQUAL_RULE]},
    }
    assert found(*RESOURCES) == {
        ALIAS: "alias/vault",
        KEY: "1234",
        ROLE: "vault",
        POLICY: POLICY_ARN,
        ATTACHMENT: f"vault/{POLICY_ARN}",
        RULE: "sgr-1",
    }


def test_nothing_is_found_where_nothing_is(account: Account) -> None:
    account.answers |= {
        "list_aliases": {"Aliases": [{"AliasName": "alias/another", "TargetKeyId": "1234"}]},
        "describe_security_group_rules": {"SecurityGroupRules": []},
        "describe_secret": "ResourceNotFoundException",
    }
    assert set(found(*RESOURCES).values()) == {None}
    assert set(found(*OF_THE_STORE).values()) == {None}


@pytest.mark.parametrize(
    "other",
    [
        {"IsEgress": True},
        {"IpProtocol": "udp"},
        {"FromPort": 80},
        {"ToPort": 9090},
        {"ReferencedGroupInfo": {"GroupId": "sg-another"}},
        {"ReferencedGroupInfo": {}},
    ],
)
def test_another_rule_of_the_group_is_not_the_stacks(account: Account, other: Mapping[str, Any]) -> None:
    account.answers["describe_security_group_rules"] = {"SecurityGroupRules": [{**EQUAL_RULE, **other}]}
    assert found(RESOURCES[-1]) == {RULE: None}


def test_secret_leads_to_its_policy_and_its_key(account: Account) -> None:
    account.answers |= {
        "describe_secret": {"ARN": SECRET_ARN, "KmsKeyId": "arn:aws-us-gov:kms:r:123456789012:key/5678"},
        "get_resource_policy": {"ResourcePolicy": "{}"},
    }
    assert found(*OF_THE_STORE) == {SECRET: SECRET_ARN, SECRET_POLICY: SECRET_ARN, KEY: "5678"}
    account.answers |= {"describe_secret": {"ARN": SECRET_ARN}, "get_resource_policy": {}}
    assert found(*OF_THE_STORE) == {SECRET: SECRET_ARN, SECRET_POLICY: None, KEY: None}


def test_secret_that_is_being_deleted_has_to_be_restored(account: Account) -> None:
    account.answers["describe_secret"] = {"ARN": SECRET_ARN, "DeletedDate": "tomorrow"}
    with pytest.raises(DeploymentError, match="restore-secret --region us-gov-west-1 --secret-id vault/keys"):
        found(*OF_THE_STORE)


def test_denial_of_a_name_may_mean_that_nothing_has_it(
    account: Account, capfd: pytest.CaptureFixture[str]
) -> None:
    account.answers["get_role"] = "AccessDenied"
    assert found(RESOURCES[2]) == {ROLE: None}
    assert "iam:GetRole is denied, as it also is if nothing has that name" in capfd.readouterr().err


def test_other_denials_name_the_rights(account: Account) -> None:
    account.answers["list_aliases"] = "AccessDeniedException"
    with pytest.raises(DeploymentError, match=r"(?s)kms:ListAliases failed.*aws-policy preview"):
        found(RESOURCES[0])
    account.answers["list_aliases"] = NoCredentialsError()
    with pytest.raises(DeploymentError, match="kms:ListAliases can't be asked for"):
        found(RESOURCES[0])


def test_credentials_that_do_not_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def session(_self: CredentialSource, _region: str) -> None:
        raise NoCredentialsError

    monkeypatch.setattr(CredentialSource, "session", session)
    with pytest.raises(DeploymentError, match="The AWS credentials can't be used"):
        found(RESOURCES[0])


@pytest.mark.parametrize(
    ("resource_type", "operation"),
    [
        ("aws:s3/bucket:Bucket", "head_bucket"),
        ("aws:s3/bucketPolicy:BucketPolicy", "get_bucket_policy"),
        ("aws:s3/bucketVersioning:BucketVersioning", "get_bucket_versioning"),
    ],
)
def test_bucket_and_what_is_set_on_it_have_its_name(
    monkeypatch: pytest.MonkeyPatch, resource_type: str, operation: str
) -> None:
    bucket = planned(resource_type, bucket="acme-vault")
    account = Account({operation: {}})
    monkeypatch.setattr(CredentialSource, "session", lambda *_: account)
    existing = ExistingAwsResources(Plan([bucket]), CredentialSource(), region="us-gov-west-1")
    assert existing.finders[resource_type](bucket) == "acme-vault"
    account.answers = {operation: "404"}
    assert existing.finders[resource_type](bucket) is None
