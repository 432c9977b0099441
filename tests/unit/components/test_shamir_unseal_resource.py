"""The unsealing with key shares as the program asks the engine for it."""

from collections.abc import Mapping
from typing import Any

import pytest
from pulumi.runtime import MockResourceArgs

from tests.unit.fakes.mocked_account import INIT, QUORUM, UNSEAL, computed, shamir
from tests.unit.fakes.recorded_deployment import Secret, deploy

pytestmark = pytest.mark.usefixtures("program_commands")


def test_shamir_unseals_between_init_and_quorum() -> None:
    deployment = shamir()
    unseal = deployment.only(UNSEAL)
    assert unseal.inputs["key_shares"] == Secret(["key-share-1"])
    assert unseal.additional_secret_outputs == {"key_shares"}
    assert INIT in deployment.prerequisites(unseal)
    assert UNSEAL in deployment.prerequisites(deployment.only(QUORUM))


def test_as_many_shares_are_needed_as_the_init_says() -> None:
    def after_an_interrupted_rekey(args: MockResourceArgs) -> Mapping[str, Any]:
        return {**computed(args), **({"threshold": 2} if args.typ == INIT else {})}

    settings = {"seal": "shamir", "kubeContext": "here"}
    deployment = deploy(settings, answers={}, outputs=after_an_interrupted_rekey)
    assert deployment.only(INIT).inputs["threshold"] == 3
    assert deployment.only(UNSEAL).inputs["threshold"] == 2
    assert deployment.outputs["threshold"] == 2
