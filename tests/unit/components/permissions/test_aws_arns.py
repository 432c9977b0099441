"""The ARNs that the documents are about: those of the settings' own region, account and names."""

from collections.abc import Mapping
from typing import Any

import pytest

from components.errors import DeploymentError
from components.permissions.aws import up_policy
from tests.unit.fakes.aws_deployments import (
    ACCOUNT,
    ANY_KEY,
    CHINA,
    CUSTODY,
    EXISTING,
    EXISTING_KEY_ARN,
    EXISTING_ROLE_ARN,
    FULL,
    GOVERNMENT,
    IN_SECRET,
    IN_SECRET_UNDER_UNSEAL_KEY,
    KEY_ARN,
    KEY_ID,
    OF_NO_OTHER_ALIAS,
    SECRET,
    SECRET_KEY_ARN,
    SECRET_KEY_ID,
    SHAMIR_ON_EKS,
    resources,
    scope,
    statements,
)
from tests.unit.fakes.stack_settings import EKS, GKE, NODE_GROUP, SHAMIR

THROUGH_SECRETS_MANAGER = {"StringEquals": {"kms:ViaService": "secretsmanager.eu-central-1.amazonaws.com"}}


@pytest.mark.parametrize(
    ("configuration", "partition"), [(FULL, "aws"), (CHINA, "aws-cn"), (GOVERNMENT, "aws-us-gov")]
)
def test_every_arn_is_of_the_regions_partition(configuration: Mapping[str, Any], partition: str) -> None:
    for statement in statements(up_policy(scope(configuration))).values():
        assert all(arn == "*" or arn.split(":")[1] == partition for arn in resources(statement))


@pytest.mark.parametrize("configuration", [SHAMIR, GKE])
def test_a_stack_without_aws_needs_no_rights(configuration: Mapping[str, Any]) -> None:
    with pytest.raises(DeploymentError, match="uses nothing of AWS"):
        scope(configuration)


def test_role_policy_and_alias_are_named_by_the_settings() -> None:
    seal = scope().seal
    assert seal is not None
    assert seal.role_arn == f"arn:aws:iam::{ACCOUNT}:role/vault/unsealer"
    assert seal.own_role is not None
    assert seal.own_key is not None
    assert seal.own_role.policy_arn == f"arn:aws:iam::{ACCOUNT}:policy/vault/unseal"
    assert seal.own_key.alias_arn == f"arn:aws:kms:eu-central-1:{ACCOUNT}:alias/vault-auto-unseal"


def test_key_is_named_once_its_id_is_known() -> None:
    first, deployed = scope().seal, scope(key_id=KEY_ID).seal
    assert first is not None
    assert deployed is not None
    assert first.own_key is not None
    assert (first.key_arn, first.own_key.any_arn) == (None, ANY_KEY)
    assert deployed.key_arn == KEY_ARN


def test_existing_key_and_role_are_named_by_their_arns() -> None:
    seal = scope(EXISTING).seal
    assert seal is not None
    assert (seal.key_arn, seal.role_arn) == (EXISTING_KEY_ARN, EXISTING_ROLE_ARN)
    assert (seal.own_key, seal.own_role) == (None, None)


def test_id_of_a_key_beside_its_arn_is_refused() -> None:
    with pytest.raises(DeploymentError, match="leave --key-id out"):
        scope(EXISTING, KEY_ID)


def test_secret_under_an_existing_unseal_key_names_it() -> None:
    secret = scope({**EXISTING, "custody": {**CUSTODY, "kmsKey": "unseal-key"}}).secret
    assert secret is not None
    assert secret.key_arns == EXISTING_KEY_ARN


def test_only_a_seal_of_aws_has_a_key_there() -> None:
    assert scope(SHAMIR_ON_EKS).seal is None


@pytest.mark.parametrize(
    ("more", "groups"),
    [
        ({"nodeSecurityGroupIds": [NODE_GROUP, "sg-11111111"]}, [NODE_GROUP, "sg-11111111"]),
        ({"nodeSecurityGroupIds": [NODE_GROUP], "injector": {"enabled": False}}, []),
        ({"webhookRule": False}, []),
        ({}, []),
    ],
)
def test_groups_of_the_nodes_matter_to_the_webhooks_rules_alone(
    more: Mapping[str, Any], groups: list[str]
) -> None:
    alone = {name: value for name, value in EKS.items() if name != "nodeSecurityGroupId"}
    wanted = [f"arn:aws:ec2:eu-central-1:{ACCOUNT}:security-group/{group}" for group in groups]
    assert list(scope({**alone, **more}).rule_group_arns) == wanted


def test_without_a_store_in_aws_there_is_no_secret() -> None:
    assert scope().secret is None


def test_secret_gets_six_characters_when_it_is_created() -> None:
    secret = scope(IN_SECRET).secret
    assert secret is not None
    assert (secret.arn, secret.arn_to_be) == (f"{SECRET}-??????", SECRET)


GIVEN_KEY = f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/of-the-organisation"
UNDER_GIVEN_KEY = {**FULL, "custody": {**CUSTODY, "kmsKey": GIVEN_KEY}}


@pytest.mark.parametrize(
    ("configuration", "key_id", "secret_key_id", "own", "used", "by_alias"),
    [
        (IN_SECRET, None, None, ANY_KEY, ANY_KEY, False),
        (IN_SECRET, KEY_ID, SECRET_KEY_ID, SECRET_KEY_ARN, SECRET_KEY_ARN, False),
        (IN_SECRET_UNDER_UNSEAL_KEY, None, None, None, ANY_KEY, True),
        (IN_SECRET_UNDER_UNSEAL_KEY, KEY_ID, None, None, KEY_ARN, False),
        (UNDER_GIVEN_KEY, KEY_ID, None, None, GIVEN_KEY, False),
    ],
    ids=["own", "own-deployed", "unseal-key", "unseal-key-deployed", "given"],
)
def test_key_of_the_secret_is_used_for_secrets_only(
    configuration: Mapping[str, Any],
    key_id: str | None,
    secret_key_id: str | None,
    own: str | None,
    used: str,
    by_alias: bool,
) -> None:
    secret = scope(configuration, key_id, secret_key_id).secret
    assert secret is not None
    assert (secret.own_key_arns, secret.key_arns) == (own, used)
    assert secret.key_condition == {**THROUGH_SECRETS_MANAGER, **(OF_NO_OTHER_ALIAS if by_alias else {})}
