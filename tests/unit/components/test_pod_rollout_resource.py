"""The rolling change as the program registers it."""

import pytest

from components.vault.running_configuration import configuration_checksum
from tests.unit.fakes.mocked_account import INIT, POD_ROLLOUT, QUORUM, RELEASE, ROOT_TOKEN, UNSEAL, shamir, up
from tests.unit.fakes.recorded_deployment import Deployment, Secret
from tests.unit.fakes.stack_settings import EKS

SCHEDULE = '{"schedule": "@daily", "bucket": "acme"}'

pytestmark = pytest.mark.usefixtures("program_commands")


def test_rollout_is_between_release_and_quorum(awskms: Deployment) -> None:
    rollout = awskms.only(POD_ROLLOUT)
    assert {INIT, RELEASE} <= awskms.prerequisites(rollout)
    assert POD_ROLLOUT in awskms.prerequisites(awskms.only(QUORUM))
    assert awskms.only(QUORUM).inputs["running"] == "1"


def test_rollout_knows_what_the_pods_are_made_from(awskms: Deployment) -> None:
    inputs = awskms.only(POD_ROLLOUT).inputs
    values = awskms.only(RELEASE).inputs["values"]["server"]
    assert inputs["image"] == "hashicorp/vault:1.21.2"
    assert inputs["configuration"] == configuration_checksum(values["ha"]["raft"]["config"])
    assert inputs["chart"] == awskms.only(RELEASE).inputs["version"]
    assert (inputs["left_to"], inputs["replicas"], inputs["release_revision"]) == ("", 3, 1)
    assert inputs["token"] == Secret(ROOT_TOKEN)
    assert awskms.only(POD_ROLLOUT).additional_secret_outputs == {"configuration", "pod_settings"}


def test_shamirs_pods_are_left_alone_by_default() -> None:
    rollout = shamir().only(POD_ROLLOUT)
    assert rollout.inputs["left_to"] == "people"
    assert rollout.inputs["key_shares"] == Secret(["key-share-1"])
    deployment = shamir(upgrade='{"roll": true}')
    assert deployment.only(POD_ROLLOUT).inputs["left_to"] == ""
    assert UNSEAL in deployment.prerequisites(deployment.only(POD_ROLLOUT))


@pytest.mark.parametrize(
    ("changed", "job"),
    [
        ({}, {}),
        ({"snapshots": SCHEDULE}, {"name": "vault-snapshot", "made": False, "start_seconds": 300}),
        ({"snapshots": SCHEDULE, "upgrade": '{"snapshot": false}'}, {}),
    ],
)
def test_snapshot_before_another_image_is_by_its_job(changed: dict[str, str], job: dict[str, object]) -> None:
    deployment = up({**EKS, **changed})
    assert deployment.only(POD_ROLLOUT).inputs["snapshot_job"] == job


def test_pods_are_left_to_the_command_while_the_seal_is_migrated() -> None:
    configuration = {**EKS, "migrateFrom": '{"seal": "shamir"}'}
    assert up(configuration).only(POD_ROLLOUT).inputs["left_to"] == "migration"
