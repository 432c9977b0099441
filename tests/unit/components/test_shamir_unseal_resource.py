"""The unsealing with key shares as the program asks the engine for it."""

import pytest

from tests.unit.fakes.mocked_account import INIT, QUORUM, UNSEAL, shamir
from tests.unit.fakes.recorded_deployment import Secret

pytestmark = pytest.mark.usefixtures("program_commands")


def test_shamir_unseals_between_init_and_quorum() -> None:
    deployment = shamir()
    unseal = deployment.only(UNSEAL)
    assert unseal.inputs["key_shares"] == Secret(["key-share-1"])
    assert unseal.additional_secret_outputs == {"key_shares"}
    assert INIT in deployment.prerequisites(unseal)
    assert UNSEAL in deployment.prerequisites(deployment.only(QUORUM))
