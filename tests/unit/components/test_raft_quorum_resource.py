"""The quorum as the program asks the engine for it."""

import json
from dataclasses import replace

import pytest

from tests.unit.fakes.mocked_account import INIT, QUORUM, RELEASE, REVOCATION, ROOT_TOKEN, up
from tests.unit.fakes.recorded_deployment import Deployment, Secret

pytestmark = pytest.mark.usefixtures("program_commands")


def test_quorum_reads_with_the_root_token_as_a_secret(awskms: Deployment) -> None:
    quorum = awskms.only(QUORUM)
    assert quorum.inputs["token"] == Secret(ROOT_TOKEN)
    assert quorum.additional_secret_outputs == {"token"}
    assert quorum.inputs["replicas"] == 3
    assert quorum.inputs["release_revision"] == 1


def test_quorum_comes_after_the_init(awskms: Deployment) -> None:
    assert {INIT, RELEASE} <= awskms.prerequisites(awskms.only(QUORUM))


def test_adopted_vault_is_read_with_the_token_of_the_settings() -> None:
    configuration = {
        "seal": "shamir",
        "kubeContext": "here",
        "init": json.dumps({"adopt": True}),
        "token": "hvs.adopted",
    }
    deployment = up(configuration, secret_keys=["token"])
    assert deployment.only(QUORUM).inputs["token"] == Secret("hvs.adopted")
    assert deployment.only(INIT).inputs["adopt"] is True
    assert "hvs.adopted" not in str([replace(entry, inputs={}) for entry in deployment.registrations])


def test_token_of_the_settings_is_needed_though_the_root_token_is_revoked() -> None:
    deployment = up(
        {
            "seal": "shamir",
            "kubeContext": "here",
            "init": json.dumps({"rootToken": "revoke"}),
            "token": "hvs.own",
        },
        secret_keys=["token"],
    )
    assert deployment.only(QUORUM).inputs["token_needed"] is True
    assert deployment.only(REVOCATION).inputs["root_token"] == Secret(ROOT_TOKEN)
