"""The rights on the secret that the keys go to: those of `pulumi up`, its init included, and of `destroy`.

What the value alone takes is tried, right by right, in `test_aws_secrets_manager_store.py`.
"""

from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from components.custody.stores.aws_secrets_manager import OWN_KEY, Store
from components.permissions.aws import destroy_policy, preview_policy, up_policy
from sandbox.aws.account import iam_arn
from sandbox.network import REGION
from tests.integration.aws.permissions.permission_stack import (
    Configuration,
    NewSettings,
    actions_of,
    assert_named,
    bearer,
    branch,
    deploy,
    scope_of,
    two_at_a_time,
    without,
)
from tests.integration.aws.permissions.tried_actions import DELETIONS as DELETIONS_OF_THE_REST
from tests.integration.aws.running_cloud import Cloud, Credentials
from tests.integration.plugin_stack import PluginStack
from tests.unit.fakes.key_records import TARGET, key_record

# The first test to ask waits for the engine's runs without every action.
pytestmark = pytest.mark.timeout(900)

CREATIONS = (
    "secretsmanager:CreateSecret",
    "secretsmanager:DescribeSecret",
    "secretsmanager:GetResourcePolicy",
    "secretsmanager:PutResourcePolicy",
    "secretsmanager:TagResource",
)
ON_CHANGE = "secretsmanager:UntagResource"
OF_THE_VALUE = (
    "secretsmanager:GetSecretValue",
    "secretsmanager:PutSecretValue",
    "secretsmanager:UpdateSecretVersionStage",
)
THROUGH_THE_SERVICE = ("kms:Decrypt", "kms:GenerateDataKey")
SECRET, SECRET_KEY = "aws:secretsmanager/secret:Secret::key-store", "aws:kms/key:Key::key-store"
SECRET_POLICY = "aws:secretsmanager/secretPolicy:SecretPolicy::key-store"
DELETIONS = (
    (SECRET_POLICY, "secretsmanager:DeleteResourcePolicy"),
    # Behind it, as the policy is gone by then.
    (SECRET_POLICY, "secretsmanager:GetResourcePolicy"),
    (SECRET, "secretsmanager:DeleteSecret"),
    # Behind it, as the deletion is scheduled by then; so with the key.
    (SECRET, "secretsmanager:DescribeSecret"),
    (SECRET_KEY, "kms:ScheduleKeyDeletion"),
    (SECRET_KEY, "kms:DescribeKey"),
)


def with_secret(new_settings: NewSettings, reader: str, **changes: Any) -> Configuration:
    custody: Mapping[str, Any] = {
        "store": "aws-secrets-manager",
        "name": f"vault/{uuid4().hex[:8]}/operator-init",
        "region": REGION,
        "readers": [iam_arn(f"user/{reader}"), iam_arn("user/operator")],
    }
    return new_settings(custody=custody, **changes)


def reader_name() -> str:
    return f"reader-{uuid4().hex[:8]}"


def use_as(who: Credentials, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", cloud.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", who.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", who.secret_access_key)


def store_of(settings: Configuration) -> Store:
    custody = settings["custody"]
    return Store(name=custody["name"], region=REGION, kms_key=OWN_KEY, readers=tuple(custody["readers"]))


def test_every_action_is_tried(new_settings: NewSettings) -> None:
    settings = with_secret(new_settings, "anybody")
    plain = {key: value for key, value in settings.items() if key != "custody"}
    added = actions_of(up_policy(scope_of(settings))) - actions_of(up_policy(scope_of(plain)))
    assert added == {*CREATIONS, ON_CHANGE, *OF_THE_VALUE, *THROUGH_THE_SERVICE}


def test_up_rights_are_enough_for_secret_and_keys(
    cloud: Cloud,
    empty: PluginStack,
    new_settings: NewSettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = reader_name()
    settings = with_secret(new_settings, name)
    who = bearer(cloud, up_policy(scope_of(settings)), name)
    stack = branch(empty, tmp_path / "stack", settings, who)
    stack.up()
    use_as(who, cloud, monkeypatch)
    store = store_of(settings)
    store.probe(TARGET)
    store.write(key_record(), TARGET)
    assert store.read(TARGET) == key_record()
    preview = branch(stack, tmp_path / "preview", settings, bearer(cloud, preview_policy(scope_of(settings))))
    preview.pulumi("preview", "--refresh")


@pytest.fixture(scope="module")
def said(
    cloud: Cloud, empty: PluginStack, new_settings: NewSettings, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Future[str]]:
    """What `up` from nothing says without each action."""

    def attempt(action: str) -> str:
        name = reader_name()
        settings = with_secret(new_settings, name)
        who = bearer(cloud, without(up_policy(scope_of(settings)), action), name)
        return branch(empty, tmp_path_factory.mktemp("up") / "stack", settings, who).up(fails=True)

    return two_at_a_time(attempt, (*CREATIONS, *THROUGH_THE_SERVICE))


@pytest.mark.parametrize("action", CREATIONS)
def test_up_from_nothing_misses_each_action(said: Mapping[str, Future[str]], action: str) -> None:
    assert_named(said[action].result(), action)


@pytest.mark.parametrize("action", THROUGH_THE_SERVICE)
def test_up_misses_the_use_of_the_secrets_key(said: Mapping[str, Future[str]], action: str) -> None:
    """AWS doesn't name the action: Secrets Manager's own words for a key that it can't use."""
    text = said[action].result()
    assert "creating Secrets Manager Secret" in text
    assert "Access to KMS is not allowed" in text


def test_up_with_changes_and_destroy(
    cloud: Cloud, empty: PluginStack, new_settings: NewSettings, tmp_path: Path
) -> None:
    """One deployment after the other: a tag that goes, other readers, and the end."""
    found = deploy(empty, tmp_path, with_secret(new_settings, reader_name()))
    secret_key_id = str(found.outputs["secret_key_arn"]).rpartition("/")[2]
    custody = {**found.settings["custody"], "readers": [iam_arn("user/operator")]}
    settings = {**found.settings, "tags": {"team": "two"}, "custody": custody}
    scope = scope_of(settings, found.key_id, secret_key_id)
    for action in (ON_CHANGE, "kms:PutKeyPolicy"):
        who = bearer(cloud, without(up_policy(scope), action))
        lacking = branch(found.stack, tmp_path / action.partition(":")[2], settings, who)
        assert_named(lacking.up(fails=True), action)
    stack = branch(found.stack, tmp_path / "changed", settings, bearer(cloud, up_policy(scope)))
    stack.up()
    deletion = destroy_policy(scope)
    assert actions_of(deletion) == {action for _, action in (*DELETIONS, *DELETIONS_OF_THE_REST)}
    for resource, action in DELETIONS:
        said = destroy(stack, bearer(cloud, without(deletion, action)), resource, fails=True)
        assert_named(said, action)
        if action == [other for name, other in DELETIONS if name == resource][-1]:
            destroy(stack, bearer(cloud, deletion), resource)
    destroy(stack, bearer(cloud, deletion))
    assert cloud.kms().describe_key(KeyId=secret_key_id)["KeyMetadata"]["KeyState"] == "PendingDeletion"


def destroy(stack: PluginStack, who: Credentials, resource: str = "", *, fails: bool = False) -> str:
    """Take one resource of the stack down, or all that is left, as somebody."""
    keys = {"AWS_ACCESS_KEY_ID": who.access_key_id, "AWS_SECRET_ACCESS_KEY": who.secret_access_key}
    stack.variables = {**stack.variables, **keys}
    target = ("--target", stack.urn(resource)) if resource else ()
    return stack.pulumi("destroy", "--yes", "--skip-preview", *target, fails=fails)
