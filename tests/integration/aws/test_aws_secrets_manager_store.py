"""The store in AWS Secrets Manager, with the policies that the program gives to secret and key."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from uuid import uuid4

import pytest

from components.aws.policies import secret_key_policy, secret_policy
from components.custody.key_store import KeyStoreError, KeyStoreUnavailableError
from components.custody.stores.aws_secrets_manager import Store
from sandbox.aws.account import ACCOUNT_ID, PARTITION
from sandbox.network import REGION
from tests.integration.aws.running_cloud import Cloud, Credentials, User, allow, document
from tests.integration.free_ports import free_ports
from tests.unit.fakes.key_records import ROOT_TOKEN, SHARES, TARGET, key_record

VALUE_RIGHTS = (
    "secretsmanager:DescribeSecret",
    "secretsmanager:GetSecretValue",
    "secretsmanager:PutSecretValue",
    "secretsmanager:UpdateSecretVersionStage",
)
KEY_RIGHTS = ("kms:Decrypt", "kms:GenerateDataKey")
RIGHTS = (*VALUE_RIGHTS, *KEY_RIGHTS)

LogIn = Callable[[Credentials], None]


@dataclass(frozen=True)
class Custody:
    """An empty secret as the stack makes it, and the one who may use it."""

    store: Store
    arn: str
    key_arn: str
    reader: User


@pytest.fixture
def log_in(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> LogIn:
    def apply(credentials: Credentials) -> None:
        environment: Mapping[str, str] = {
            "AWS_ENDPOINT_URL": cloud.url,
            "AWS_ACCESS_KEY_ID": credentials.access_key_id,
            "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name, raising=False)

    return apply


@pytest.fixture
def custody(cloud: Cloud, log_in: LogIn) -> Custody:
    """Used by a reader with just the rights that it takes."""
    reader = cloud.user(*(allow(right) for right in RIGHTS))
    key_arn = cloud.kms().create_key(
        Policy=secret_key_policy(
            partition=PARTITION, account_id=ACCOUNT_ID, region=REGION, readers=(reader.arn,)
        )
    )["KeyMetadata"]["Arn"]
    name = f"vault/{uuid4().hex[:8]}/operator-init"
    creator = cloud.user(allow("secretsmanager:*"), allow("kms:*"))
    # Who makes the secret has to be a reader: AWS tries the key in his name.
    cloud.kms().put_key_policy(
        KeyId=key_arn.rpartition("/")[2],
        Policy=secret_key_policy(
            partition=PARTITION, account_id=ACCOUNT_ID, region=REGION, readers=(reader.arn, creator.arn)
        ),
    )
    client = cloud.secrets(creator.credentials)
    arn = client.create_secret(Name=name, KmsKeyId=key_arn)["ARN"]
    client.put_resource_policy(
        SecretId=arn, ResourcePolicy=secret_policy(readers=(reader.arn,)), BlockPublicPolicy=True
    )
    log_in(reader.credentials)
    return Custody(
        Store(name=name, region=REGION, kms_key="own", readers=(reader.arn,)), arn, key_arn, reader
    )


def labels(cloud: Cloud, custody: Custody) -> list[list[str]]:
    """The labels of the versions that have any."""
    versions = cloud.secrets().describe_secret(SecretId=custody.arn)["VersionIdsToStages"]
    return sorted(sorted(stages) for stages in versions.values() if stages)


def restrict(cloud: Cloud, custody: Custody, missing: str) -> None:
    """Takes one of the reader's rights away."""
    cloud.iam().put_user_policy(
        UserName=custody.reader.name,
        PolicyName="rights",
        PolicyDocument=document(*(allow(right) for right in RIGHTS if right != missing)),
    )


def test_a_record_is_written_and_read_back(custody: Custody) -> None:
    assert custody.store.read(TARGET) is None
    first = custody.store.write(key_record(), TARGET)
    assert custody.store.read(TARGET) == key_record()
    second = custody.store.write(key_record(root_token=""), TARGET)
    assert custody.store.read(TARGET) == key_record(root_token="")
    assert first.location == second.location == custody.arn
    assert first.version != second.version


def test_a_probe_of_an_empty_secret_is_no_record(cloud: Cloud, custody: Custody) -> None:
    for _ in range(2):
        custody.store.probe(TARGET)
        assert custody.store.read(TARGET) is None
        assert labels(cloud, custody) == [["AWSCURRENT"]]
    custody.store.write(key_record(), TARGET)
    assert custody.store.read(TARGET) == key_record()


def test_a_probe_leaves_no_trace_and_keeps_the_record(cloud: Cloud, custody: Custody) -> None:
    reference = custody.store.write(key_record(), TARGET)
    custody.store.probe(TARGET)
    assert custody.store.read(TARGET) == key_record()
    assert labels(cloud, custody) == [["AWSCURRENT"]]
    versions = cloud.secrets().describe_secret(SecretId=custody.arn)["VersionIdsToStages"]
    assert versions[reference.version] == ["AWSCURRENT"]


def test_a_probe_that_was_left_over_is_no_obstacle(cloud: Cloud, custody: Custody) -> None:
    custody.store.write(key_record(), TARGET)
    restrict(cloud, custody, "secretsmanager:UpdateSecretVersionStage")
    with pytest.raises(KeyStoreError):
        custody.store.probe(TARGET)
    assert labels(cloud, custody) == [["AWSCURRENT"], ["vault-autounseal-probe"]]
    restrict(cloud, custody, "nothing")
    custody.store.probe(TARGET)
    assert labels(cloud, custody) == [["AWSCURRENT"]]
    assert custody.store.read(TARGET) == key_record()


def test_somebody_who_is_not_named_reaches_no_value_with_whatever_rights(
    cloud: Cloud, custody: Custody, log_in: LogIn
) -> None:
    custody.store.write(key_record(), TARGET)
    administrator = cloud.user(allow("*"))
    log_in(administrator.credentials)
    for attempt in (
        lambda: custody.store.read(TARGET),
        lambda: custody.store.write(key_record(root_token=""), TARGET),
        lambda: custody.store.probe(TARGET),
    ):
        with pytest.raises(KeyStoreError, match="explicit deny in a resource-based policy") as raised:
            attempt()
        assert "custody.readers" in str(raised.value)
        assert ROOT_TOKEN not in str(raised.value)
    client = cloud.secrets(administrator.credentials)
    client.describe_secret(SecretId=custody.arn)
    client.put_resource_policy(
        SecretId=custody.arn, ResourcePolicy=secret_policy(readers=(custody.reader.arn, administrator.arn))
    )
    # The value is still under a key that only the reader uses.
    with pytest.raises(KeyStoreError, match="Access to KMS is not allowed"):
        custody.store.read(TARGET)


def test_the_key_is_of_no_use_but_for_secrets(cloud: Cloud, custody: Custody) -> None:
    reader = cloud.kms(custody.reader.credentials)
    with pytest.raises(reader.exceptions.ClientError, match="AccessDeniedException"):
        reader.generate_data_key(KeyId=custody.key_arn, KeySpec="AES_256")


@pytest.mark.parametrize("missing", RIGHTS)
def test_a_missing_right_is_named(cloud: Cloud, custody: Custody, missing: str) -> None:
    restrict(cloud, custody, missing)
    with pytest.raises(KeyStoreError) as raised:
        custody.store.read(TARGET)
        custody.store.probe(TARGET)
    assert not isinstance(raised.value, KeyStoreUnavailableError)
    assert missing in str(raised.value)
    assert custody.store.name in str(raised.value)


def test_a_secret_that_does_not_exist(custody: Custody) -> None:
    missing = replace(custody.store, name="vault/none/operator-init")
    for attempt in (
        lambda: missing.read(TARGET),
        lambda: missing.write(key_record(), TARGET),
        lambda: missing.probe(TARGET),
    ):
        with pytest.raises(KeyStoreError, match=r"ResourceNotFoundException.*\n.*pulumi refresh"):
            attempt()


def test_a_secret_that_waits_for_its_deletion(cloud: Cloud, custody: Custody) -> None:
    custody.store.write(key_record(), TARGET)
    cloud.secrets().delete_secret(SecretId=custody.arn, RecoveryWindowInDays=7)
    with pytest.raises(KeyStoreError, match=f"restore-secret --region {REGION} --secret-id vault/"):
        custody.store.read(TARGET)
    for attempt in (
        lambda: custody.store.write(key_record(), TARGET),
        lambda: custody.store.probe(TARGET),
    ):
        with pytest.raises(KeyStoreError, match="marked for deletion"):
            attempt()
    cloud.secrets().restore_secret(SecretId=custody.arn)
    assert custody.store.read(TARGET) == key_record()


@pytest.mark.parametrize("value", [{"SecretString": "somebody's"}, {"SecretBinary": b"somebody's"}])
def test_what_is_no_record_is_left_alone(cloud: Cloud, custody: Custody, value: Mapping[str, str]) -> None:
    cloud.secrets(custody.reader.credentials).put_secret_value(SecretId=custody.arn, **value)
    with pytest.raises(KeyStoreError, match="isn't a record of keys") as raised:
        custody.store.read(TARGET)
    assert "somebody's" not in str(raised.value)


def test_an_aws_that_does_not_answer_is_worth_another_try(
    custody: Custody, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_ports(1)[0]}")
    with pytest.raises(
        KeyStoreUnavailableError, match=r"PutSecretValue on AWS secret .* got no answer"
    ) as raised:
        custody.store.write(key_record(), TARGET)
    assert not any(secret in str(raised.value) for secret in (ROOT_TOKEN, *SHARES))
