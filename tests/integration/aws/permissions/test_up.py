"""The rights for `pulumi up`: enough, and each one missed.

Real engine, the program's own components, AWS that asks for every right. What a command lacks has to be named
by its message.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from itertools import chain
from pathlib import Path
from uuid import uuid4

import pytest

from components.permissions.aws import destroy_policy, up_policy
from sandbox.aws.account import iam_arn
from tests.integration.aws.permissions.permission_stack import (
    Deployed,
    NewSettings,
    assert_named,
    bearer,
    branch,
    changed,
    deploy,
    fill_versions,
    scope_of,
    two_at_a_time,
    without,
)
from tests.integration.aws.permissions.tried_actions import (
    ASKED_BY_KMS,
    CHANGES,
    CREATIONS,
    LOOK_UPS,
    READ_ON_CHANGE_ONLY,
    READS,
    UNBINDING,
)
from tests.integration.aws.running_cloud import Cloud, allow, document, refusal
from tests.integration.plugin_stack import PluginStack

# The first test to ask waits for the engine's runs without every action.
pytestmark = pytest.mark.timeout(900)


def test_up_rights_are_enough_from_nothing(
    cloud: Cloud, empty: PluginStack, new_settings: NewSettings, tmp_path: Path
) -> None:
    settings = new_settings()
    who = bearer(cloud, up_policy(scope_of(settings)))
    stack = branch(empty, tmp_path / "stack", settings, who)
    stack.up()
    assert stack.foretold() == {}
    tags = cloud.kms().list_resource_tags(KeyId=stack.outputs()["key_id"])["Tags"]
    assert {tag["TagKey"]: tag["TagValue"] for tag in tags} == settings["tags"]


FROM_NOTHING = [action for action in (*LOOK_UPS, *READS, *CREATIONS) if action != READ_ON_CHANGE_ONLY]


@pytest.fixture(scope="module")
def said_from_nothing(
    cloud: Cloud, empty: PluginStack, new_settings: NewSettings, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Future[str]]:
    def attempt(action: str) -> str:
        settings = new_settings()
        who = bearer(cloud, without(up_policy(scope_of(settings)), action))
        folder = tmp_path_factory.mktemp("up") / "stack"
        return branch(empty, folder, settings, who).up(fails=True)

    return two_at_a_time(attempt, [*FROM_NOTHING, ASKED_BY_KMS])


@pytest.mark.parametrize("action", FROM_NOTHING)
def test_up_from_nothing_misses_each_action(
    said_from_nothing: Mapping[str, Future[str]], action: str
) -> None:
    assert_named(said_from_nothing[action].result(), action)


def test_up_from_nothing_misses_the_right_to_change_the_keys_policy_again(
    said_from_nothing: Mapping[str, Future[str]],
) -> None:
    text = said_from_nothing[ASKED_BY_KMS].result()
    assert "creating KMS Key" in text
    assert "The new key policy will not allow you to update the key policy in the future." in text


@pytest.mark.parametrize("action", CHANGES)
def test_up_with_changes_misses_each_action(
    cloud: Cloud, deployed: Deployed, boundaries: tuple[str, str], tmp_path: Path, action: str
) -> None:
    settings = changed(deployed.settings, boundaries[1])
    # One may have gone in an attempt before.
    fill_versions(cloud, settings)
    who = bearer(cloud, without(up_policy(scope_of(settings)), action))
    assert_named(branch(deployed.stack, tmp_path / "stack", settings, who).up(fails=True), action)


def test_up_that_takes_the_boundary_away_misses_its_action(
    cloud: Cloud, deployed: Deployed, tmp_path: Path
) -> None:
    settings = changed(deployed.settings, None)
    who = bearer(cloud, without(up_policy(scope_of(settings)), UNBINDING))
    assert_named(branch(deployed.stack, tmp_path / "stack", settings, who).up(fails=True), UNBINDING)


@pytest.mark.parametrize(
    ("by_id", "bound"), [(False, True), (True, False)], ids=["by-alias-bound", "by-id-unbound"]
)
def test_up_rights_are_enough_for_changes(
    cloud: Cloud,
    empty: PluginStack,
    new_settings: NewSettings,
    boundaries: tuple[str, str],
    tmp_path: Path,
    by_id: bool,
    bound: bool,
) -> None:
    found = deploy(empty, tmp_path, new_settings())
    settings = changed(found.settings, boundaries[1] if bound else None)
    who = bearer(cloud, up_policy(scope_of(settings, found.key_id if by_id else None)))
    stack = branch(found.stack, tmp_path / "changed", settings, who)
    stack.up()
    assert stack.foretold() == {}
    assert not cloud.kms().get_key_rotation_status(KeyId=found.key_id)["KeyRotationEnabled"]


def test_up_rights_change_no_other_key(cloud: Cloud, deployed: Deployed) -> None:
    """The key of another alias, and the stack's own."""
    other = cloud.kms().create_key()["KeyMetadata"]["KeyId"]
    cloud.kms().create_alias(AliasName="alias/of-another-team", TargetKeyId=other)
    settings = {**deployed.settings, "key": {**deployed.settings["key"], "rotation": False}}
    for key_id in (None, deployed.key_id):
        kms = cloud.kms(bearer(cloud, up_policy(scope_of(settings, key_id))))
        with refusal("AccessDeniedException"):
            kms.disable_key_rotation(KeyId=other)
        with refusal("AccessDeniedException"):
            kms.update_alias(AliasName=settings["key"]["alias"], TargetKeyId=other)
        kms.disable_key_rotation(KeyId=deployed.key_id)


def test_up_rights_take_over_no_key_that_has_an_alias(cloud: Cloud, new_settings: NewSettings) -> None:
    """Not while the stack's own alias isn't there yet, nor together with the rights to delete it."""
    settings = new_settings(key={"alias": f"alias/vault-{uuid4().hex}"})
    alias = settings["key"]["alias"]
    kms = cloud.kms()
    key = kms.create_key()["KeyMetadata"]
    kms.create_alias(AliasName=f"alias/of-another-team-{uuid4().hex}", TargetKeyId=key["KeyId"])
    policy = document(allow("kms:*", Principal={"AWS": iam_arn("root")}))
    scope = scope_of(settings)
    held = [json.loads(each(scope))["Statement"] for each in (up_policy, destroy_policy)]
    holder = cloud.kms(bearer(cloud, document(*chain.from_iterable(held))))
    attempts: Sequence[Callable[[], object]] = (
        lambda: holder.create_alias(AliasName=alias, TargetKeyId=key["KeyId"]),
        lambda: holder.put_key_policy(KeyId=key["KeyId"], Policy=policy),
        lambda: holder.tag_resource(KeyId=key["KeyId"], Tags=[{"TagKey": "team", "TagValue": "one"}]),
        lambda: holder.untag_resource(KeyId=key["KeyId"], TagKeys=["team"]),
        lambda: holder.enable_key_rotation(KeyId=key["KeyId"]),
        lambda: holder.schedule_key_deletion(KeyId=key["KeyId"]),
    )
    for attempt in attempts:
        with refusal("AccessDeniedException"):
            attempt()
    own = holder.create_key(Policy=policy)["KeyMetadata"]["KeyId"]
    holder.create_alias(AliasName=alias, TargetKeyId=own)
    holder.put_key_policy(KeyId=own, Policy=policy)


def test_up_rights_attach_no_other_policy_and_take_no_boundary_away(
    cloud: Cloud, deployed: Deployed, boundaries: tuple[str, str]
) -> None:
    iam = cloud.iam(bearer(cloud, up_policy(scope_of(deployed.settings))))
    role = deployed.settings["role"]["name"]
    with refusal("AccessDenied"):
        iam.attach_role_policy(RoleName=role, PolicyArn=boundaries[1])
    with refusal("AccessDenied"):
        iam.delete_role_permissions_boundary(RoleName=role)
    with refusal("AccessDenied"):
        iam.put_role_permissions_boundary(RoleName=role, PermissionsBoundary=boundaries[1])
