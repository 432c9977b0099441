"""The injector's rollout as the program asks the engine for it."""

import json

import pytest

from tests.unit.fakes.mocked_account import ADMISSION, EKS, INIT, INJECTOR_ROLLOUT, RELEASE, up
from tests.unit.fakes.recorded_deployment import Deployment

pytestmark = pytest.mark.usefixtures("program_commands")


def test_rollout_comes_between_release_and_admission(awskms: Deployment) -> None:
    assert RELEASE in awskms.prerequisites(awskms.only(INJECTOR_ROLLOUT))
    assert INJECTOR_ROLLOUT in awskms.prerequisites(awskms.only(ADMISSION))


def test_rollout_is_looked_at_again_after_every_release(awskms: Deployment) -> None:
    inputs = {
        name: value for name, value in awskms.only(INJECTOR_ROLLOUT).inputs.items() if name != "__provider"
    }
    assert inputs == {
        "target": awskms.only(INIT).inputs["access"]["target"],
        "deployment": "vault-agent-injector",
        "release_revision": 1,
        "webhook_seconds": 180,
        "clears_the_way": True,
    }


@pytest.mark.parametrize("release", ["handover", "false"])
def test_pods_are_cleared_away_as_long_as_the_release_is_the_stacks(release: str) -> None:
    rollout = up({**EKS, "release": release}).only(INJECTOR_ROLLOUT)
    assert rollout.inputs["clears_the_way"] is (release == "handover")


def test_injector_that_is_not_verified_is_waited_for() -> None:
    assert len(up({**EKS, "injector": json.dumps({"verify": False})}).of_type(INJECTOR_ROLLOUT)) == 1


def test_injector_that_is_off_is_not_waited_for() -> None:
    assert up({**EKS, "injector": json.dumps({"enabled": False})}).of_type(INJECTOR_ROLLOUT) == []
