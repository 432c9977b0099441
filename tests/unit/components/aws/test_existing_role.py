"""The role of `role.arn`: read and judged before anything is created."""

import json
from collections.abc import Mapping
from typing import Any

import pulumi_aws
import pytest

from components.aws.existing_role import ExistingRole, trusted_role
from components.aws.pod_trust import IrsaTrust
from components.aws.settings import ExistingRoleSettings
from components.errors import DeploymentError
from tests.unit.fakes.recorded_deployment import NOT_FOUND, Deployment, deploy

GET_ROLE = "aws:iam/getRole:getRole"
ACCOUNT = "123456789012"
ARN = f"arn:aws:iam::{ACCOUNT}:role/teams/vault"
TRUST = IrsaTrust("arn:of:the:provider", "https://issuer.example.com/id/AB", "secrets", "vault")


def answer(statement: Mapping[str, Any], arn: str = ARN) -> Mapping[str, Any]:
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    return {"arn": arn, "path": "/teams/", "uniqueId": "AROAEXAMPLE", "assumeRolePolicy": policy}


def looked_up(found: Mapping[str, Any], arn: str = ARN) -> tuple[ExistingRole, Deployment]:
    roles: list[ExistingRole] = []

    def program() -> None:
        provider = pulumi_aws.Provider("aws", region="eu-central-1")
        roles.append(trusted_role(ExistingRoleSettings(arn), TRUST, account_id=ACCOUNT, provider=provider))

    deployment = deploy({}, answers={GET_ROLE: found}, outputs=lambda _: {}, program=program)
    return roles[0], deployment


def test_role_that_trusts_the_pods_is_taken() -> None:
    role, deployment = looked_up(answer(TRUST.statement()))
    assert role == ExistingRole(path="/teams/", unique_id="AROAEXAMPLE")
    assert [(call.token, call.args) for call in deployment.calls] == [(GET_ROLE, {"name": "vault"})]
    assert deployment.log == []


def test_missing_trust_is_said_as_the_statement_to_add() -> None:
    other = {**TRUST.statement(), "Principal": {"Federated": "arn:of:another"}}
    with pytest.raises(DeploymentError) as refused:
        looked_up(answer(other))
    reason, _, statement = str(refused.value).partition("{")
    assert "the provider is arn:of:another, not arn:of:the:provider" in reason
    assert json.loads("{" + statement) == TRUST.statement()


def test_role_that_every_pod_may_assume_is_warned_of() -> None:
    condition = {"StringEquals": {TRUST.condition_key("aud"): "sts.amazonaws.com"}}
    _, deployment = looked_up(answer({**TRUST.statement(), "Condition": condition}))
    (warning,) = deployment.log
    assert f"names no single one (StringEquals on {TRUST.condition_key('sub')})" in warning


@pytest.mark.parametrize(
    ("found", "arn", "said"),
    [
        (NOT_FOUND, ARN, "may iam:GetRole on it (aws iam get-role --role-name vault)"),
        (answer(TRUST.statement(), arn=f"arn:aws:iam::{ACCOUNT}:role/vault"), ARN, "set role.arn to that"),
        (NOT_FOUND, "arn:aws:iam::999999999999:role/vault", f"the cluster's account is {ACCOUNT}"),
    ],
)
def test_role_that_cannot_be_judged_is_refused(found: Mapping[str, Any], arn: str, said: str) -> None:
    with pytest.raises(DeploymentError) as refused:
        looked_up(found, arn)
    assert said in str(refused.value)
