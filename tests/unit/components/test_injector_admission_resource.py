"""The verified injector as the program asks the engine for it."""

import json

import pytest

from tests.unit.fakes.mocked_account import ADMISSION, EKS, INIT, RELEASE, RULE, up
from tests.unit.fakes.recorded_deployment import Deployment

pytestmark = pytest.mark.usefixtures("program_commands")


def test_admission_comes_after_release_and_rule(awskms: Deployment) -> None:
    assert {RELEASE, RULE} <= awskms.prerequisites(awskms.only(ADMISSION))
    assert awskms.only(ADMISSION).inputs["deployment"] == "vault-agent-injector"


@pytest.mark.parametrize("injector", [{"enabled": False}, {"verify": False}])
def test_no_injector_is_verified_where_it_is_off_or_the_settings_say_so(injector: dict[str, bool]) -> None:
    assert up({**EKS, "injector": json.dumps(injector)}).of_type(ADMISSION) == []


def test_admission_is_looked_at_again_after_every_release(awskms: Deployment) -> None:
    inputs = {name: value for name, value in awskms.only(ADMISSION).inputs.items() if name != "__provider"}
    assert inputs == {
        "target": awskms.only(INIT).inputs["access"]["target"],
        "deployment": "vault-agent-injector",
        "port": 8080,
        "release_revision": 1,
        "webhook_seconds": 180,
    }
