"""The keys' secret on the real engine, made by somebody who is one of its readers.

The tests are steps of one deployment and run in order.
"""

import json
from pathlib import Path
from uuid import uuid4

import pytest

from components.custody.key_store import KeyStoreError
from components.custody.stores.aws_secrets_manager import Store
from sandbox.aws.account import ACCOUNT_ID
from sandbox.layout import REPOSITORY
from sandbox.network import REGION
from tests.integration.aws.running_cloud import Cloud, User, allow
from tests.integration.plugin_stack import PluginStack
from tests.unit.fakes.key_records import ROOT_TOKEN, SHARES, TARGET, key_record

PROGRAM = """
import pulumi
import pulumi_aws as aws

from components.aws.secret import AwsKeyStore, AwsKeyStoreArgs

store = AwsKeyStore(
    "key-store",
    AwsKeyStoreArgs(
        name="{name}",
        readers={readers},
        key_arn=None,
        partition="aws",
        account_id="{account}",
        region="{region}",
        protect={protect},
        tags={{"team": "{team}"}},
    ),
    pulumi.ResourceOptions(provider=aws.Provider("aws", region="{region}")),
)
pulumi.export("arn", store.secret_arn)
pulumi.export("key", store.secret_key_arn)
"""
NAME = f"vault/{uuid4().hex[:8]}/operator-init"


@pytest.fixture(scope="module")
def deployer(cloud: Cloud) -> User:
    return cloud.user(allow("secretsmanager:*", "kms:*"))


@pytest.fixture(scope="module")
def stack(cloud: Cloud, deployer: User, tmp_path_factory: pytest.TempPathFactory) -> PluginStack:
    folder: Path = tmp_path_factory.mktemp("stack")
    environment = {
        "AWS_ENDPOINT_URL": cloud.url,
        "AWS_ACCESS_KEY_ID": deployer.credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": deployer.credentials.secret_access_key,
        "PYTHONPATH": str(REPOSITORY),
    }
    return PluginStack(folder, environment)


@pytest.fixture
def store(stack: PluginStack, deployer: User, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The secret as the init uses it, in the same environment as the stack."""
    for name, value in stack.environment.items():
        monkeypatch.setenv(name, value)
    return Store(name=NAME, region=REGION, kms_key="own", readers=(deployer.arn,))


def program(*readers: str, team: str = "one", protect: bool = True) -> str:
    return PROGRAM.format(
        name=NAME, readers=readers, account=ACCOUNT_ID, region=REGION, team=team, protect=protect
    )


def test_who_is_not_a_reader_makes_no_secret(stack: PluginStack) -> None:
    stack.program(program(f"arn:aws:iam::{ACCOUNT_ID}:user/somebody-else"))
    assert "AccessDeniedException: Access to KMS is not allowed" in stack.up(fails=True)
    assert "unprotect" in stack.pulumi("destroy", "--yes", "--skip-preview", fails=True)


def test_the_stack_makes_an_empty_secret(stack: PluginStack, store: Store, deployer: User) -> None:
    stack.program(program(deployer.arn))
    stack.up()
    assert store.read(TARGET) is None
    assert stack.foretold() == {}


def test_the_init_fills_it_and_the_stack_learns_nothing_of_that(stack: PluginStack, store: Store) -> None:
    store.probe(TARGET)
    assert store.write(key_record(), TARGET).location == stack.outputs()["arn"]
    stack.pulumi("refresh", "--yes", "--skip-preview")
    assert stack.foretold() == {}
    state = stack.pulumi("stack", "export", "--show-secrets")
    assert not any(secret in state for secret in (ROOT_TOKEN, *SHARES))
    assert store.read(TARGET) == key_record()


def test_another_reader_and_other_tags_change_it_in_place(
    stack: PluginStack, store: Store, cloud: Cloud, deployer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = cloud.user(allow("secretsmanager:*", "kms:*"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keeper.credentials.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keeper.credentials.secret_access_key)
    with pytest.raises(KeyStoreError, match="explicit deny in a resource-based policy"):
        store.read(TARGET)
    stack.program(program(deployer.arn, keeper.arn, team="two"))
    steps = json.loads(stack.pulumi("preview", "--json"))["steps"]
    changed = [(step["urn"].split("::")[2].rpartition(":")[2], step["op"]) for step in steps]
    assert sorted(change for change in changed if change[1] != "same") == [
        ("Key", "update"),
        ("Secret", "update"),
        ("SecretPolicy", "update"),
    ]
    stack.up()
    assert store.read(TARGET) == key_record()
    described = cloud.secrets().describe_secret(SecretId=NAME)
    assert described["Tags"] == [{"Key": "team", "Value": "two"}]
    assert stack.foretold() == {}


def test_reader_who_is_removed_loses_the_right(
    stack: PluginStack, store: Store, cloud: Cloud, deployer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaver = cloud.user(allow("secretsmanager:*", "kms:*"))
    stack.program(program(deployer.arn, leaver.arn, team="two"))
    stack.up()
    with monkeypatch.context() as as_leaver:
        as_leaver.setenv("AWS_ACCESS_KEY_ID", leaver.credentials.access_key_id)
        as_leaver.setenv("AWS_SECRET_ACCESS_KEY", leaver.credentials.secret_access_key)
        assert store.read(TARGET) == key_record()
        stack.program(program(deployer.arn, team="two"))
        stack.up()
        with pytest.raises(KeyStoreError, match="explicit deny in a resource-based policy"):
            store.read(TARGET)
    assert store.read(TARGET) == key_record()
    assert stack.foretold() == {}


def test_it_is_not_destroyed_while_it_is_protected(stack: PluginStack, store: Store) -> None:
    assert "protect" in stack.pulumi("destroy", "--yes", "--skip-preview", fails=True)
    assert store.read(TARGET) == key_record()


def test_without_protection_it_can_be_taken_back_for_a_month(
    stack: PluginStack, store: Store, cloud: Cloud, deployer: User
) -> None:
    stack.program(program(deployer.arn, protect=False))
    stack.up()
    outputs = stack.outputs()
    stack.pulumi("destroy", "--yes", "--skip-preview")
    with pytest.raises(KeyStoreError, match="scheduled for deletion"):
        store.read(TARGET)
    key = outputs["key"].rpartition("/")[2]
    assert cloud.kms().describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingDeletion"
    cloud.kms().cancel_key_deletion(KeyId=key)
    cloud.kms().enable_key(KeyId=key)
    cloud.secrets().restore_secret(SecretId=NAME)
    assert store.read(TARGET) == key_record()
