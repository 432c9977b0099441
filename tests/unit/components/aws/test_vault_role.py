"""The role of Vault's pods and its policy, as the engine is asked for them."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pulumi
import pytest
from pulumi.runtime import MockResourceArgs

from components.aws.pod_trust import IrsaTrust
from components.aws.policies import unseal_policy
from components.aws.settings import RoleSettings
from components.aws.vault_role import VaultRole, VaultRoleArgs
from tests.unit.fakes.mocked_account import (
    ACCOUNT,
    ATTACHMENT,
    ISSUER,
    KEY_ARN,
    POLICY,
    ROLE,
    ROLE_ARN,
    ROLE_COMPONENT,
)
from tests.unit.fakes.recorded_deployment import Deployment, deploy

OIDC_PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER.removeprefix('https://')}"
POLICY_ARN = f"arn:aws:iam::{ACCOUNT}:policy/vault/unseal"
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/boundary"
TRUST = IrsaTrust(OIDC_PROVIDER, ISSUER, "secrets", "vault")
ARGS = VaultRoleArgs(
    trust=TRUST,
    role=RoleSettings(name="unsealer", policy_name="unseal", path="/vault/", permissions_boundary=BOUNDARY),
    key_arn=KEY_ARN,
    guard=None,
    tags={"app": "vault"},
)


def computed(args: MockResourceArgs) -> Mapping[str, Any]:
    by_type: Mapping[str, Mapping[str, Any]] = {
        ROLE: {"arn": ROLE_ARN, "uniqueId": "AROAEXAMPLE"},
        POLICY: {"arn": POLICY_ARN},
    }
    return by_type.get(args.typ, {})


def created(args: VaultRoleArgs = ARGS) -> Deployment:
    def program() -> None:
        role = VaultRole("vault-role", args)
        for name in ("policy_arn", "role_arn", "role_name", "role_path", "role_unique_id"):
            pulumi.export(name, getattr(role, name))

    return deploy({}, answers={}, outputs=computed, program=program)


def test_role_trusts_one_service_account() -> None:
    role = created().only(ROLE).inputs
    assert (role["name"], role["path"], role["permissionsBoundary"]) == ("unsealer", "/vault/", BOUNDARY)
    assert json.loads(role["assumeRolePolicy"])["Statement"] == [TRUST.statement()]


def test_policy_is_for_this_key_and_attached_to_the_role() -> None:
    deployment = created()
    policy = deployment.only(POLICY).inputs
    assert (policy["name"], policy["path"]) == ("unseal", "/vault/")
    assert json.loads(policy["policy"]) == json.loads(unseal_policy(key_arn=KEY_ARN))
    assert deployment.only(ATTACHMENT).inputs == {"role": "unsealer", "policyArn": POLICY_ARN}
    assert {deployment.only(type_).parent for type_ in (ROLE, POLICY, ATTACHMENT)} == {
        deployment.only(ROLE_COMPONENT).urn
    }


def test_tags_are_on_role_and_policy() -> None:
    deployment = created()
    assert [deployment.only(type_).inputs["tags"] for type_ in (ROLE, POLICY)] == [{"app": "vault"}] * 2


def test_without_tags_none_are_passed_that_a_refresh_would_show_as_a_change() -> None:
    deployment = created(replace(ARGS, tags={}))
    assert not [type_ for type_ in (ROLE, POLICY) if "tags" in deployment.only(type_).inputs]


@pytest.mark.parametrize(("path", "output"), [("/vault/", "/vault/"), ("", "/")])
def test_outputs(path: str, output: str) -> None:
    deployment = created(replace(ARGS, role=replace(ARGS.role, path=path)))
    assert deployment.component_outputs == {ROLE_COMPONENT: deployment.outputs}
    assert deployment.outputs == {
        "policy_arn": POLICY_ARN,
        "role_arn": ROLE_ARN,
        "role_name": "unsealer",
        "role_path": output,
        "role_unique_id": "AROAEXAMPLE",
    }
