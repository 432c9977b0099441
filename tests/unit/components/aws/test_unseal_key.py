"""The key that Vault unseals with and its alias, as the engine is asked for them."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pulumi
import pytest
from pulumi.runtime import MockResourceArgs

from components.aws.policies import unseal_key_policy
from components.aws.settings import KeySettings
from components.aws.unseal_key import AwsUnsealKey, AwsUnsealKeyArgs
from tests.unit.fakes.mocked_account import ACCOUNT, ALIAS, KEY, KEY_ARN, KEY_COMPONENT, KEY_ID, ROLE_ARN
from tests.unit.fakes.recorded_deployment import Deployment, deploy

SETTINGS = KeySettings(
    alias="alias/vault-auto-unseal", deletion_window_days=30, rotation=True, retain_on_destroy=True
)
STATEMENT = {"Sid": "OtherUse", "Effect": "Allow", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*"}
ARGS = AwsUnsealKeyArgs(
    key=SETTINGS,
    partition="aws",
    account_id=ACCOUNT,
    principal_arn=ROLE_ARN,
    principal_exists=False,
    further_statements=[STATEMENT],
    protect=True,
    tags={"app": "vault"},
)


def computed(args: MockResourceArgs) -> Mapping[str, Any]:
    return {"arn": KEY_ARN, "keyId": KEY_ID} if args.typ == KEY else {}


def created(args: AwsUnsealKeyArgs = ARGS) -> Deployment:
    def program() -> None:
        key = AwsUnsealKey("unseal-key", args)
        for name in ("key_id", "key_arn", "alias"):
            pulumi.export(name, getattr(key, name))

    return deploy({}, answers={}, outputs=computed, program=program)


def test_key_only_the_role_may_use() -> None:
    key = created().only(KEY)
    policy = json.loads(key.inputs["policy"])
    assert policy == json.loads(
        unseal_key_policy(
            partition="aws", account_id=ACCOUNT, principal_arn=ROLE_ARN, further_statements=[STATEMENT]
        )
    )
    assert STATEMENT in policy["Statement"]
    assert key.inputs["tags"] == {"app": "vault"}


def test_role_of_somebody_else_needs_no_policy_of_its_own() -> None:
    policy = json.loads(created(replace(ARGS, principal_exists=True)).only(KEY).inputs["policy"])
    (use,) = [each for each in policy["Statement"] if each["Sid"] == "VaultRoleUsesKey"]
    assert use["Principal"] == {"AWS": ROLE_ARN}
    assert "Condition" not in use


@pytest.mark.parametrize(("rotation", "days"), [(True, 30), (False, 7)])
def test_rotation_and_deletion_are_those_of_the_settings(rotation: bool, days: int) -> None:
    settings = replace(SETTINGS, rotation=rotation, deletion_window_days=days)
    key = created(replace(ARGS, key=settings)).only(KEY)
    assert (key.inputs["enableKeyRotation"], key.inputs["deletionWindowInDays"]) == (rotation, days)


@pytest.mark.parametrize("protect", [True, False])
def test_protection_is_of_key_and_alias(protect: bool) -> None:
    deployment = created(replace(ARGS, protect=protect))
    assert [deployment.only(type_).protect for type_ in (KEY, ALIAS)] == [protect] * 2


@pytest.mark.parametrize("retain", [True, False])
def test_only_the_key_outlives_the_stack(retain: bool) -> None:
    deployment = created(replace(ARGS, key=replace(SETTINGS, retain_on_destroy=retain)))
    assert [deployment.only(type_).retain_on_delete for type_ in (KEY, ALIAS)] == [retain, False]


def test_alias_is_of_this_key() -> None:
    deployment = created()
    assert deployment.only(ALIAS).inputs == {"name": "alias/vault-auto-unseal", "targetKeyId": KEY_ID}
    assert {deployment.only(type_).parent for type_ in (KEY, ALIAS)} == {deployment.only(KEY_COMPONENT).urn}
    assert deployment.component_outputs == {KEY_COMPONENT: deployment.outputs}
    assert deployment.outputs == {"key_id": KEY_ID, "key_arn": KEY_ARN, "alias": "alias/vault-auto-unseal"}
