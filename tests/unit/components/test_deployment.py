"""The table of contents, called by the program of this repository and by those of others."""

from collections.abc import Mapping
from typing import Any

import pytest

from components.deployment import deploy_vault
from components.settings import load_settings
from tests.unit.fakes.mocked_account import ANSWERS, EKS, GET_STATE, computed
from tests.unit.fakes.recorded_deployment import Deployment, deploy


@pytest.mark.usefixtures("program_commands")
def test_outputs_are_returned_and_left_to_the_caller(awskms: Deployment) -> None:
    returned: list[Mapping[str, Any]] = []
    found = deploy(
        EKS,
        answers=ANSWERS,
        outputs=computed,
        program=lambda: returned.append(deploy_vault(load_settings())),
    )
    assert found.outputs == {}
    assert returned[0].keys() == awskms.outputs.keys()
    assert found.types == awskms.types


@pytest.mark.usefixtures("program_commands")
def test_a_run_reads_the_state_once(awskms: Deployment) -> None:
    """For all that depends on what the stack has deployed."""
    assert [call.token for call in awskms.calls].count(GET_STATE) == 1
