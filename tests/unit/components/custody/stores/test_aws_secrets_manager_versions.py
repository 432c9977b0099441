"""The versions and labels of the secret in AWS Secrets Manager, with calls that fit the service's model."""

from collections.abc import Iterator
from datetime import UTC, datetime

import boto3
import pytest
from botocore.stub import Stubber

from components.custody.key_store import PROBE, KeyReference, KeyStoreError
from components.custody.stores.aws_secrets_manager import Store
from tests.unit.fakes.key_records import TARGET, key_record

NAME = "vault/example/operator-init"
STORE = Store(name=NAME, region="eu-central-1", kms_key="own", readers=())
LABEL = "vault-autounseal-probe"
VERSION = "v" * 32
DESCRIBED = {"VersionIdsToStages": {VERSION: ["AWSCURRENT"], "o" * 32: ["AWSPREVIOUS"]}}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """Takes the expected calls, in their order and no others."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    client = boto3.client("secretsmanager", region_name="eu-central-1")
    monkeypatch.setattr(boto3.session.Session, "client", lambda *_args, **_options: client)
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def expect_probe(aws: Stubber, read_back: str) -> None:
    aws.add_response(
        "put_secret_value",
        {"VersionId": VERSION},
        {"SecretId": NAME, "SecretString": PROBE, "VersionStages": [LABEL]},
    )
    aws.add_response(
        "get_secret_value", {"SecretString": read_back}, {"SecretId": NAME, "VersionId": VERSION}
    )
    aws.add_response(
        "update_secret_version_stage",
        {},
        {"SecretId": NAME, "VersionStage": LABEL, "RemoveFromVersionId": VERSION},
    )


def expect_read(aws: Stubber, **value: str | bytes) -> None:
    aws.add_response("describe_secret", DESCRIBED, {"SecretId": NAME})
    aws.add_response("get_secret_value", value, {"SecretId": NAME})


def test_probe_is_read_back_and_loses_its_label(aws: Stubber) -> None:
    expect_probe(aws, PROBE)
    STORE.probe(TARGET)


def test_probe_that_comes_back_as_something_else_is_no_proof(aws: Stubber) -> None:
    expect_probe(aws, "something else")
    with pytest.raises(KeyStoreError, match="doesn't hold what was just written into it"):
        STORE.probe(TARGET)


def test_record_is_the_current_version(aws: Stubber) -> None:
    expect_read(aws, SecretString=key_record().to_json())
    assert STORE.read(TARGET) == key_record()


def test_probe_that_became_the_current_version_is_no_record(aws: Stubber) -> None:
    expect_read(aws, SecretString=PROBE)
    assert STORE.read(TARGET) is None


def test_binary_secret_is_no_record(aws: Stubber) -> None:
    expect_read(aws, SecretBinary=b"of somebody else")
    with pytest.raises(KeyStoreError, match="isn't a record of keys"):
        STORE.read(TARGET)


@pytest.mark.parametrize("described", [{}, {"VersionIdsToStages": {VERSION: [LABEL]}}])
def test_secret_without_a_current_version_has_no_record(aws: Stubber, described: dict[str, object]) -> None:
    aws.add_response("describe_secret", described, {"SecretId": NAME})
    assert STORE.read(TARGET) is None


def test_secret_that_waits_for_its_deletion_is_not_read(aws: Stubber) -> None:
    deleted = {**DESCRIBED, "DeletedDate": datetime(2026, 1, 1, tzinfo=UTC)}
    aws.add_response("describe_secret", deleted, {"SecretId": NAME})
    with pytest.raises(KeyStoreError, match=rf"restore-secret --region eu-central-1 --secret-id {NAME}"):
        STORE.read(TARGET)


def test_write_makes_the_record_the_current_version(aws: Stubber) -> None:
    arn = f"arn:aws:secretsmanager:eu-central-1:123456789012:secret:{NAME}-AbCdEf"
    aws.add_response(
        "put_secret_value",
        {"ARN": arn, "VersionId": VERSION},
        {"SecretId": NAME, "SecretString": key_record().to_json()},
    )
    assert STORE.write(key_record(), TARGET) == KeyReference(location=arn, version=VERSION)


@pytest.mark.parametrize(
    ("operation", "code", "message", "fix"),
    [
        ("put", "AccessDeniedException", "Access to KMS is not allowed", "It takes kms:GenerateDataKey on"),
        ("get", "AccessDeniedException", "Access to KMS is not allowed", "It takes kms:Decrypt on"),
        (
            "get",
            "AccessDeniedException",
            "with an explicit deny in a resource-based policy",
            "Only the principals in custody.readers may access the value",
        ),
        ("get", "ResourceNotFoundException", "can't find it", "run pulumi refresh and pulumi up"),
    ],
)
def test_refusal_is_told_with_its_fix(
    aws: Stubber, operation: str, code: str, message: str, fix: str
) -> None:
    if operation == "put":
        aws.add_client_error("put_secret_value", code, message)
    else:
        aws.add_response("describe_secret", DESCRIBED, {"SecretId": NAME})
        aws.add_client_error("get_secret_value", code, message)
    with pytest.raises(KeyStoreError) as raised:
        if operation == "put":
            STORE.write(key_record(), TARGET)
        else:
            STORE.read(TARGET)
    assert str(raised.value).partition("\n")[0].endswith(f"failed: {code}: {message}")
    assert fix in str(raised.value).partition("\n")[2]


def test_earlier_versions_are_the_named_one_and_the_previous_one(aws: Stubber) -> None:
    first, second = key_record(), key_record(root_token="")
    named = {"SecretId": NAME, "VersionId": VERSION}
    previous = {"SecretId": NAME, "VersionStage": "AWSPREVIOUS"}
    aws.add_response("get_secret_value", {"SecretString": first.to_json()}, named)
    aws.add_response("get_secret_value", {"SecretString": second.to_json()}, previous)
    assert [*STORE.earlier(VERSION, TARGET)] == [first, second]
    aws.add_response("get_secret_value", {"SecretString": PROBE}, previous)
    assert [*STORE.earlier("", TARGET)] == []


def test_earlier_version_that_is_gone_hides_no_other_one(aws: Stubber) -> None:
    aws.add_client_error("get_secret_value", "ResourceNotFoundException", "no such version")
    aws.add_response("get_secret_value", {"SecretString": key_record().to_json()})
    found = STORE.earlier(VERSION, TARGET)
    assert next(found) == key_record()
    with pytest.raises(KeyStoreError, match="no such version"):
        next(found)
