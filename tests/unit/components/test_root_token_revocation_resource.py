"""The revocation of the root token as the program asks the engine for it."""

import json
from collections.abc import Mapping

import pytest

from tests.unit.fakes.mocked_account import QUORUM, REVOCATION, ROOT_TOKEN, shamir, up
from tests.unit.fakes.recorded_deployment import Secret

pytestmark = pytest.mark.usefixtures("program_commands")


@pytest.mark.parametrize("more", [{}, {"init": json.dumps({"rootToken": "keep"})}])
def test_root_token_is_kept_where_nothing_else_is_said(more: Mapping[str, str]) -> None:
    deployment = shamir(**more)
    assert deployment.of_type(REVOCATION) == []
    assert deployment.only(QUORUM).inputs["token_needed"] is True


def test_root_token_is_revoked_after_the_quorum() -> None:
    deployment = shamir(init=json.dumps({"rootToken": "revoke"}))
    revocation = deployment.only(REVOCATION)
    assert QUORUM in deployment.prerequisites(revocation)
    assert revocation.inputs["root_token"] == Secret(ROOT_TOKEN)
    assert revocation.additional_secret_outputs == {"root_token"}
    assert deployment.only(QUORUM).inputs["token_needed"] is False


@pytest.mark.parametrize(
    ("more", "warned"),
    [
        ({}, True),
        ({"init": json.dumps({"rootToken": "revoke", "unauthenticatedGenerateRoot": True})}, False),
        ({"token": "hvs.mine"}, False),
        ({"image": json.dumps({"tag": "1.18.1"})}, False),
        ({"init": json.dumps({"rootToken": "keep"})}, False),
    ],
    ids=["unknown version", "shares are enough", "token", "known version", "kept"],
)
def test_revocation_on_an_unknown_version_is_warned_of(more: Mapping[str, str], warned: bool) -> None:
    settings = {
        "image": json.dumps({"tag": "latest"}),
        "init": json.dumps({"rootToken": "revoke"}),
        **more,
    }
    deployment = up({"seal": "shamir", "kubeContext": "here", **settings}, secret_keys=["token"])
    assert any("doesn't tell Vault's version" in line for line in deployment.log) is warned
