"""Neither the stack's own role nor the key of a running Vault is given up by a setting."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from components.aws.own_resources import (
    require_key_stays,
    require_no_other_key,
    require_role_of_others,
)
from components.errors import DeploymentError
from tests.unit.fakes.mocked_account import GET_STATE, KEY, KEY_ARN, ROLE, ROLE_ARN
from tests.unit.fakes.recorded_deployment import Answer, deploy
from tests.unit.fakes.recorded_state import NO_STATE, recorded_state, urn

DYNAMIC = "pulumi-python:dynamic/vault:"
INIT: Mapping[str, Any] = {"type": f"{DYNAMIC}OperatorInit", "outputs": {}}


def guard(seal_type: str, key: str) -> Mapping[str, Any]:
    return {"type": f"{DYNAMIC}ReleaseGuard", "outputs": {"seal_type": seal_type, "seal_key": key}}


def judged(judge: Callable[[], None], **recorded: Mapping[str, Any]) -> None:
    """Judge in a program whose state has these resources, by name."""
    outputs = {urn({**resource, "name": name}): resource for name, resource in recorded.items()}
    deploy({}, answers={GET_STATE: {"outputs": outputs}}, outputs=lambda _: {}, program=judge)


def test_own_role_is_refused_as_an_existing_one() -> None:
    own = {"type": ROLE, "outputs": {"arn": ROLE_ARN}}
    with pytest.raises(DeploymentError, match=r"This stack has created the role .*\. Remove role\.arn"):
        judged(lambda: require_role_of_others(ROLE_ARN), role=own)
    judged(lambda: require_role_of_others(f"{ROLE_ARN}-of-others"), role=own)
    judged(lambda: require_role_of_others(ROLE_ARN))


def test_key_of_others_stays_that_of_an_initialised_vault() -> None:
    with pytest.raises(DeploymentError, match=f"pulumi config set --path key.arn {KEY_ARN}"):
        judged(lambda: require_no_other_key("unseal"), init=INIT, guard=guard("awskms", KEY_ARN))


def test_own_key_becomes_an_existing_one_only_if_the_state_retains_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def leaves(arn: str, state: Answer) -> None:
        deploy({}, answers={GET_STATE: state}, outputs=lambda _: {}, program=lambda: require_key_stays(arn))

    own = {"type": KEY, "outputs": {"arn": KEY_ARN}}
    deleted = recorded_state(monkeypatch, tmp_path, own)
    with pytest.raises(DeploymentError, match=r"scheduled for deletion.*key\.retainOnDestroy to true"):
        leaves(KEY_ARN, deleted)
    leaves(f"{KEY_ARN}-of-others", deleted)
    leaves(KEY_ARN, recorded_state(monkeypatch, tmp_path, {**own, "retainOnDelete": True}))
    leaves(KEY_ARN, NO_STATE)


@pytest.mark.parametrize(
    "recorded",
    [
        pytest.param({}, id="first-deployment"),
        pytest.param({"guard": guard("awskms", KEY_ARN)}, id="before-the-init"),
        pytest.param({"init": INIT, "guard": guard("transit", "unseal")}, id="migration-to-awskms"),
        pytest.param({"init": INIT, "guard": guard("awskms", "")}, id="state-of-an-earlier-version"),
        pytest.param(
            {"init": INIT, "guard": guard("awskms", KEY_ARN), "unseal": {"type": KEY, "outputs": {}}},
            id="own-key",
        ),
    ],
)
def test_own_key_is_created_or_kept(recorded: Mapping[str, Mapping[str, Any]]) -> None:
    judged(lambda: require_no_other_key("unseal"), **recorded)
