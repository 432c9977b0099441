"""The settings of the key, the role and the identity of seal awskms."""

from typing import Any

import pytest

from components.aws.settings import KeySettings, RoleSettings
from components.config.reader import ConfigReader
from components.seals.awskms import Seal
from tests.unit.fakes.mocked_account import ACCOUNT, KEY_ID, REGION

EXISTING: dict[str, Any] = {
    "key": {"arn": f"arn:aws-cn:kms:cn-north-1:999999999999:key/mrk-{'0' * 32}"},
    "role": {"arn": f"arn:aws-cn:iam::{ACCOUNT}:role/vault/unsealer"},
}


def read(values: dict[str, Any], cluster_name: str = "example") -> tuple[Seal, list[str]]:
    problems: list[str] = []
    return Seal.from_settings(ConfigReader(values, problems, path="vault-autounseal"), cluster_name), problems


def test_unknown_identity_is_refused() -> None:
    (problem,) = read({"identity": {"kind": "kiam"}})[1]
    assert "use irsa or pod-identity or static" in problem


def test_defaults_name_the_cluster_and_lose_nothing() -> None:
    seal, problems = read({})
    assert problems == []
    assert isinstance(seal.role, RoleSettings)
    assert isinstance(seal.key, KeySettings)
    assert (seal.role.name, seal.role.policy_name) == ("vault-auto-unseal-example",) * 2
    assert (seal.role.path, seal.role.permissions_boundary) == ("/", None)
    assert (seal.key.rotation, seal.key.retain_on_destroy, seal.key.deletion_window_days) == (True, True, 30)


@pytest.mark.parametrize(("length", "wrong"), [(46, 0), (47, 1)])
def test_default_name_that_iam_does_not_take_has_to_be_set(length: int, wrong: int) -> None:
    _, problems = read({}, "c" * length)
    assert len(problems) == wrong
    assert all("is longer than the 64 characters that IAM takes; set it" in problem for problem in problems)


@pytest.mark.parametrize("values", [{"key": {"alais": "x"}}, {"role": {"nmae": "x"}}])
def test_misspelt_setting_is_refused(values: dict[str, Any]) -> None:
    _, problems = read(values)
    assert ["there is no such setting" in problem for problem in problems] == [True]


@pytest.mark.parametrize(
    "values",
    [
        {"key": {"arn": "alias/vault"}},
        {"key": {"arn": f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/vault"}},
        {"key": {"arn": KEY_ID}},
        {"role": {"arn": "unsealer"}},
        {"role": {"arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/unsealer/session"}},
        {"key": {"arn": None}},
    ],
)
def test_only_the_arn_of_a_key_or_role_is_one(values: dict[str, Any]) -> None:
    (problem,) = read(values)[1]
    assert "give the ARN of a" in problem


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [
        ("key", "alias", "alias/vault"),
        ("key", "deletionWindowDays", 7),
        ("key", "rotation", True),
        ("key", "retainOnDestroy", True),
        ("role", "name", "unsealer"),
        ("role", "policyName", "unseal"),
        ("role", "path", "/vault/"),
        ("role", "permissionsBoundary", f"arn:aws:iam::{ACCOUNT}:policy/boundary"),
    ],
)
def test_settings_of_what_the_stack_creates_are_refused_beside_an_arn(
    section: str, name: str, value: Any
) -> None:
    (problem,) = read({section: {**EXISTING[section], name: value}})[1]
    assert f"{section}.{name} is " in problem
    assert "isn't this stack's to" in problem


def test_default_name_does_not_matter_beside_an_existing_role() -> None:
    assert read(EXISTING, "c" * 60)[1] == []
