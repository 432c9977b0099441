"""Both seals of a migration: their stanzas, what the pods need for them, and which of them is protected."""

import json
from typing import cast

import pulumi
import pytest

from components.seal_provisioning import ProvisionedSeals
from components.seals.seal import PodRequirements, ProvisionedSeal, SecretMount, SecretVariable, TokenMount
from tests.unit.fakes.mocked_account import (
    ACCOUNT,
    ALIAS,
    ANSWERS,
    EKS,
    GUARD,
    KEY,
    KEY_ARN,
    POLICY,
    REGION,
    RELEASE,
    shamir,
    up,
)

pytestmark = pytest.mark.usefixtures("program_commands")


def configuration(deployment_inputs: object) -> str:
    """Vault's configuration in the values of the release."""
    assert isinstance(deployment_inputs, dict)
    found: str = deployment_inputs["values"]["server"]["ha"]["raft"]["config"]
    return found


def test_seal_that_vault_leaves_has_a_disabled_stanza() -> None:
    migration = {"seal": "awskms", "key": {"alias": "alias/old"}}
    transit = json.dumps({"address": "http://other.example.com:8200", "key": "autounseal"})
    deployment = up({**EKS, "seal": "transit", "transit": transit, "migrateFrom": json.dumps(migration)})
    text = configuration(deployment.only(RELEASE).inputs)
    assert text.count('seal "') == 2
    new, _, old = text.partition('seal "awskms"')
    assert 'disabled = "true"' in old
    assert "disabled" not in new
    assert (deployment.outputs["seal_type"], deployment.outputs["migrate_from"]) == ("transit", "awskms")


def test_seal_that_vault_leaves_can_be_let_go_of() -> None:
    transit = json.dumps({"address": "http://other.example.com:8200", "key": "autounseal"})
    migration = json.dumps({"seal": "awskms"})
    deployment = up({**EKS, "seal": "transit", "transit": transit, "migrateFrom": migration})
    key, alias = deployment.only(KEY), deployment.only(ALIAS)
    assert (key.protect, alias.protect) == (False, False)
    assert key.retain_on_delete


def test_shamir_that_vault_leaves_has_no_stanza() -> None:
    deployment = up({**EKS, "migrateFrom": json.dumps({"seal": "shamir"})})
    text = configuration(deployment.only(RELEASE).inputs)
    assert text.count('seal "') == 1
    assert "disabled" not in text
    assert deployment.only(KEY).protect


@pytest.mark.parametrize(("kms_key", "statements"), [("unseal-key", 1), ("own", 0)])
def test_readers_of_a_secret_under_the_unseal_key_may_use_it(kms_key: str, statements: int) -> None:
    reader = f"arn:aws:iam::{ACCOUNT}:role/deployer"
    custody = {
        "store": "aws-secrets-manager",
        "name": "vault/keys",
        "region": REGION,
        "readers": [reader],
        "kmsKey": kms_key,
    }
    deployment = up({**EKS, "custody": json.dumps(custody)})
    (key,) = (entry for entry in deployment.of_type(KEY) if entry.name == "unseal-key")
    assert key.inputs["policy"].count(reader) == statements


def test_without_a_migration_there_is_one_seal() -> None:
    assert 'seal "' not in configuration(shamir().only(RELEASE).inputs)
    assert configuration(up(EKS).only(RELEASE).inputs).count('seal "') == 1


def test_pods_get_what_both_seals_need() -> None:
    old = PodRequirements(
        service_account_annotations={"a": "old", "b": "old"},
        environment={"OLD": "1"},
        secret_mounts=(SecretMount("old", "old", "/old"),),
    )
    new = PodRequirements(
        service_account_annotations={"a": "new"},
        pod_labels={"l": "new"},
        pod_annotations={"p": "new"},
        secret_environment=(SecretVariable("NEW", "s", "k"),),
        token_mounts=(TokenMount("new", "audience", "/new"),),
    )
    seals = ProvisionedSeals(
        ProvisionedSeal(pods=new), ProvisionedSeal(pods=old), cast(pulumi.Resource, None)
    )
    assert seals.pods == PodRequirements(
        service_account_annotations={"a": "new", "b": "old"},
        pod_labels={"l": "new"},
        pod_annotations={"p": "new"},
        environment={"OLD": "1"},
        secret_environment=(SecretVariable("NEW", "s", "k"),),
        secret_mounts=(SecretMount("old", "old", "/old"),),
        token_mounts=(TokenMount("new", "audience", "/new"),),
    )


TRANSIT = json.dumps({"address": "http://other.example.com:8200", "key": "autounseal", "mount": "keys"})


@pytest.mark.parametrize(
    ("settings", "keys"),
    [
        ({}, (KEY_ARN, "")),
        ({"seal": "transit", "transit": TRANSIT}, ("keys/keys/autounseal", "")),
        (
            {"seal": "transit", "transit": TRANSIT, "migrateFrom": json.dumps({"seal": "awskms"})},
            ("keys/keys/autounseal", KEY_ARN),
        ),
        ({"migrateFrom": json.dumps({"seal": "shamir"})}, (KEY_ARN, "")),
    ],
    ids=["of a resource", "of the settings", "to a key of the settings", "from no key"],
)
def test_guard_knows_the_keys_before_the_release_is_changed(
    settings: dict[str, str], keys: tuple[str, str]
) -> None:
    deployment = up({**EKS, **settings})
    guard = deployment.only(GUARD)
    assert (guard.inputs["seal_key"], guard.inputs["migrate_from_key"]) == keys
    assert GUARD in deployment.prerequisites(deployment.only(RELEASE))


def test_role_is_limited_to_another_key_only_after_the_guard() -> None:
    usable = {"keySpec": "SYMMETRIC_DEFAULT", "keyUsage": "ENCRYPT_DECRYPT", "keyState": "Enabled"}
    answers = {**ANSWERS, "aws:kms/getKey:getKey": usable}
    with_key = up({**EKS, "key": json.dumps({"arn": KEY_ARN})}, answers)
    assert GUARD in with_key.prerequisites(with_key.only(POLICY))


def test_address_of_the_other_vault_is_no_part_of_its_key() -> None:
    moved = {**EKS, "seal": "transit", "transit": TRANSIT.replace("other", "moved")}
    assert up(moved).only(GUARD).inputs["seal_key"] == "keys/keys/autounseal"
