"""The secret that the keys are kept in, as the engine is asked for it."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pulumi
import pytest
from pulumi.runtime import MockResourceArgs

from components.aws.policies import secret_key_policy, secret_policy
from components.aws.secret import AwsKeyStore, AwsKeyStoreArgs
from tests.unit.fakes.recorded_deployment import Deployment, deploy

SECRET = "aws:secretsmanager/secret:Secret"
SECRET_POLICY = "aws:secretsmanager/secretPolicy:SecretPolicy"
KEY = "aws:kms/key:Key"
COMPONENT = "vault-autounseal:aws:KeyStore"
ACCOUNT = "123456789012"
SECRET_ARN = f"arn:aws:secretsmanager:eu-central-1:{ACCOUNT}:secret:vault/keys-a1b2c3"
KEY_ARN = f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/1"
READERS = (f"arn:aws:iam::{ACCOUNT}:role/deployer",)
ARGS = AwsKeyStoreArgs(
    name="vault/keys",
    readers=READERS,
    key_arn=None,
    partition="aws",
    account_id=ACCOUNT,
    region="eu-central-1",
    protect=True,
    tags={"app": "vault"},
)


def computed(args: MockResourceArgs) -> Mapping[str, Any]:
    by_type: Mapping[str, Mapping[str, Any]] = {SECRET: {"arn": SECRET_ARN}, KEY: {"arn": KEY_ARN}}
    return by_type.get(args.typ, {})


def made(args: AwsKeyStoreArgs) -> Deployment:
    def program() -> None:
        store = AwsKeyStore("key-store", args)
        for name in ("secret_arn", "secret_name", "secret_key_arn"):
            pulumi.export(name, getattr(store, name))

    return deploy({}, answers={}, outputs=computed, program=program)


def test_a_secret_without_a_value_under_a_key_of_its_own() -> None:
    deployment = made(ARGS)
    assert deployment.types == sorted([COMPONENT, KEY, SECRET, SECRET_POLICY])
    secret = deployment.only(SECRET)
    assert secret.inputs["name"] == "vault/keys"
    assert secret.inputs["kmsKeyId"] == KEY_ARN
    assert secret.inputs["recoveryWindowInDays"] == 30
    assert secret.inputs["tags"] == {"app": "vault"}
    key = deployment.only(KEY)
    assert key.inputs["enableKeyRotation"] is True
    assert key.inputs["deletionWindowInDays"] == 30
    assert json.loads(key.inputs["policy"]) == json.loads(
        secret_key_policy(partition="aws", account_id=ACCOUNT, region="eu-central-1", readers=READERS)
    )


def test_only_the_readers_reach_the_value() -> None:
    policy = made(ARGS).only(SECRET_POLICY)
    assert policy.inputs["secretArn"] == SECRET_ARN
    assert json.loads(policy.inputs["policy"]) == json.loads(secret_policy(readers=READERS))
    assert policy.inputs["blockPublicPolicy"] is True


def test_a_given_key_takes_the_place_of_an_own_one() -> None:
    deployment = made(replace(ARGS, key_arn=f"{KEY_ARN}2"))
    assert deployment.types == sorted([COMPONENT, SECRET, SECRET_POLICY])
    assert deployment.only(SECRET).inputs["kmsKeyId"] == f"{KEY_ARN}2"
    assert deployment.outputs["secret_key_arn"] == f"{KEY_ARN}2"


@pytest.mark.parametrize("protect", [True, False])
def test_protection(protect: bool) -> None:
    deployment = made(replace(ARGS, protect=protect))
    kept = [deployment.only(type_) for type_ in (SECRET, SECRET_POLICY, KEY)]
    assert [entry.protect for entry in kept] == [protect] * 3
    assert [entry.retain_on_delete for entry in kept] == [protect] * 3


def test_outputs_tell_where_the_secret_is_and_nothing_else() -> None:
    deployment = made(ARGS)
    assert deployment.component_outputs == {COMPONENT: deployment.outputs}
    assert deployment.outputs == {
        "secret_arn": SECRET_ARN,
        "secret_name": "vault/keys",
        "secret_key_arn": KEY_ARN,
    }


def test_everything_is_under_the_component() -> None:
    deployment = made(ARGS)
    component = deployment.only(COMPONENT).urn
    assert {deployment.only(type_).parent for type_ in (SECRET, SECRET_POLICY, KEY)} == {component}


def test_reader_who_is_removed_is_named_nowhere() -> None:
    """By the same resources, whose policies change in place: protection doesn't stand in the way."""
    bob = f"arn:aws:iam::{ACCOUNT}:role/bob"
    before, after = made(replace(ARGS, readers=(*READERS, bob))), made(ARGS)
    assert {entry.type for entry in before.registrations if bob in str(entry.inputs)} == {KEY, SECRET_POLICY}
    assert not any(bob in str(entry.inputs) for entry in after.registrations)
    assert [entry.urn for entry in before.registrations] == [entry.urn for entry in after.registrations]


def test_another_key_leaves_the_secret_the_same_resource() -> None:
    before, after = made(ARGS), made(replace(ARGS, key_arn=f"{KEY_ARN}2"))
    changed = {
        name
        for name, value in before.only(SECRET).inputs.items()
        if after.only(SECRET).inputs.get(name) != value
    }
    assert changed == {"kmsKeyId"}
    assert before.only(SECRET).urn == after.only(SECRET).urn
    # The engine refuses to delete the key that older versions of the secret may need.
    assert before.only(KEY).protect
    assert before.only(KEY).retain_on_delete
