"""The audit devices as the program asks the engine for them."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from pulumi.runtime import MockResourceArgs

from tests.unit.fakes.mocked_account import (
    ANSWERS,
    AUDIT_DEVICES,
    POD_ROLLOUT,
    QUORUM,
    REVOCATION,
    ROOT_TOKEN,
    computed,
    shamir,
    up,
)
from tests.unit.fakes.recorded_deployment import Secret, deploy

pytestmark = pytest.mark.usefixtures("program_commands")


def test_devices_come_between_the_quorum_and_the_end_of_the_root_token() -> None:
    deployment = shamir(init=json.dumps({"rootToken": "revoke"}))
    devices = deployment.only(AUDIT_DEVICES)
    assert {QUORUM, POD_ROLLOUT} <= deployment.prerequisites(devices)
    assert AUDIT_DEVICES in deployment.prerequisites(deployment.only(REVOCATION))
    assert devices.inputs["root_token"] == Secret(ROOT_TOKEN)
    assert devices.inputs["root_token_stays"] is False
    assert devices.additional_secret_outputs == {"token", "root_token"}


def test_root_token_that_stays() -> None:
    assert shamir().only(AUDIT_DEVICES).inputs["root_token_stays"] is True


def test_token_of_the_settings_goes_along() -> None:
    settings = {"seal": "shamir", "kubeContext": "here", "token": "hvs.mine"}
    devices = up(settings, secret_keys=["token"]).only(AUDIT_DEVICES)
    assert devices.inputs["token"] == Secret("hvs.mine")


def test_without_devices_the_revocation_follows_the_quorum() -> None:
    deployment = shamir(audit='{"devices": []}', init=json.dumps({"rootToken": "revoke"}))
    assert deployment.of_type(AUDIT_DEVICES) == []
    assert QUORUM in deployment.prerequisites(deployment.only(REVOCATION))


def test_outputs_and_warning_tell_what_is_not_audited() -> None:
    def answered(args: MockResourceArgs) -> Mapping[str, Any]:
        if args.typ == AUDIT_DEVICES:
            return {"enabled": [], "problem": "nothing is audited to file"}
        return computed(args)

    deployment = deploy({"seal": "shamir", "kubeContext": "here"}, answers=ANSWERS, outputs=answered)
    assert deployment.outputs["audit_devices"] == []
    assert deployment.outputs["audit_problem"] == "nothing is audited to file"
    assert any("nothing is audited to file" in line for line in deployment.log)
