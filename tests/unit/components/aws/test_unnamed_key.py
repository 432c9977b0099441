"""A key that an interrupted run created is told from others, which are left alone."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from moto import mock_aws

from components.aws.credentials import CredentialSource
from components.aws.secret import KEY_DESCRIPTION
from components.aws.unnamed_key import find_unnamed_key
from components.errors import DeploymentError
from components.planned_resource import PlannedResource

REGION = "eu-central-1"
POLICY = json.dumps({"Version": "2012-10-17", "Statement": [{"Sid": "of this stack"}]})
OTHER_POLICY = json.dumps({"Version": "2012-10-17", "Statement": [{"Sid": "of another"}]})


@pytest.fixture(autouse=True)
def kms(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        yield boto3.client("kms", REGION)


def create(kms: Any, description: str = "Unseals", policy: str = POLICY) -> str:
    return str(kms.create_key(Description=description, Policy=policy)["KeyMetadata"]["KeyId"])


def found(*recorded: str, description: str = "Unseals", since: datetime | None = None) -> str | None:
    # The same document in other words.
    policy = json.dumps(json.loads(POLICY), indent=4)
    key = PlannedResource("urn", "", "", {"description": description, "policy": policy})
    return find_unnamed_key(key, CredentialSource(), REGION, {*recorded}, since=since)


def test_the_one_key_with_this_description_and_policy_is_found(kms: Any) -> None:
    create(kms, description="Another")
    create(kms, policy=OTHER_POLICY)
    assert found() is None
    key = create(kms)
    assert found() == key


def test_keys_in_use_are_somebody_elses(kms: Any) -> None:
    recorded, named, deleted = create(kms), create(kms), create(kms)
    kms.create_alias(AliasName="alias/other", TargetKeyId=named)
    kms.schedule_key_deletion(KeyId=deleted)
    assert found(recorded) is None


def test_key_of_another_secret_is_somebody_elses(kms: Any) -> None:
    key = create(kms, description=KEY_DESCRIPTION)
    assert found(description=KEY_DESCRIPTION) == key
    arn = kms.describe_key(KeyId=key)["KeyMetadata"]["Arn"]
    boto3.client("secretsmanager", REGION).create_secret(Name="other", SecretString="s", KmsKeyId=arn)
    assert found(description=KEY_DESCRIPTION) is None


class Refusals:
    """Has KMS refuse to describe a key, in its own words; counts all requests by operation."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, key: str, reason: str) -> None:
        self.asked: Counter[str] = Counter()
        really = BaseClient._make_api_call  # type: ignore[attr-defined]  # moto doesn't refuse as KMS does

        def call(client: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:
            self.asked[operation] += 1
            if operation == "DescribeKey" and parameters["KeyId"] == key:
                action = f"kms:{operation}"
                message = f"User: me is not authorized to perform: {action} on resource: {key} because no "
                message += f"{reason} allows the {action} action"
                raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": message}}, operation)
            return really(client, operation, parameters)

        monkeypatch.setattr(BaseClient, "_make_api_call", call)


def test_key_that_its_own_policy_closes_is_told_and_passed_over(
    kms: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    closed, key = create(kms), create(kms)
    Refusals(monkeypatch, closed, "resource-based policy")
    assert found() == key
    assert closed in capsys.readouterr().err


def test_key_that_the_caller_lacks_the_right_for_may_be_the_one(
    kms: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    Refusals(monkeypatch, create(kms), "identity-based policy")
    with pytest.raises(DeploymentError, match=r"kms:DescribeKey(?s:.*)Ask somebody who has them"):
        found()


def test_keys_with_an_alias_take_one_request_together(kms: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        kms.create_alias(AliasName=f"alias/{number}", TargetKeyId=create(kms))
    refusals = Refusals(monkeypatch, "", "")
    assert found() is None
    assert refusals.asked == {"ListAliases": 1, "ListKeys": 1}


def test_none_of_several_is_chosen(kms: Any) -> None:
    keys = {create(kms), create(kms)}
    with pytest.raises(DeploymentError, match=r"are alike, .*Nothing was changed") as raised:
        found()
    assert all(key in str(raised.value) for key in keys)


def test_refusal_names_the_rights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(DeploymentError, match="kms:ListKeys"):
        found()


def test_key_that_is_older_than_the_stack_is_somebody_elses(kms: Any) -> None:
    """Such as one that a destroyed stack of the same settings has left."""
    key = create(kms)
    assert found(since=datetime.now(UTC) + timedelta(minutes=1)) is None
    assert found(since=datetime.now(UTC) - timedelta(minutes=1)) == key
