"""The whole program on Pulumi's mocks: what its resources learn of the keys, and what keeps them secret."""

import json
from pathlib import Path

import pytest

from tests.unit.fakes.mocked_account import (
    IDENTITY,
    INIT,
    KUBERNETES_PROVIDER,
    QUORUM,
    REVOCATION,
    ROOT_TOKEN,
    UNSEAL,
    shamir,
)
from tests.unit.fakes.recorded_deployment import Deployment, Secret

pytestmark = pytest.mark.usefixtures("program_commands")


def test_keys_are_secret_outputs(awskms: Deployment) -> None:
    secrets = {name: value for name, value in awskms.outputs.items() if isinstance(value, Secret)}
    assert secrets == {
        "root_token": Secret(ROOT_TOKEN),
        "recovery_shares": Secret(["share-1", "share-2"]),
        "key_shares": Secret(["key-share-1"]),
    }


def test_no_secret_outside_of_secrets(awskms: Deployment) -> None:
    for entry in awskms.registrations:
        plain = {name: value for name, value in entry.inputs.items() if not isinstance(value, Secret)}
        assert ROOT_TOKEN not in str(plain), entry.urn
    assert ROOT_TOKEN not in str(awskms.log)


def test_nothing_is_asked_of_a_cluster_before_it_is_known_to_be_the_right_one(awskms: Deployment) -> None:
    (provider,) = awskms.of_type(KUBERNETES_PROVIDER)
    assert IDENTITY in awskms.prerequisites(provider)
    assert awskms.only(IDENTITY).inputs["target"] == awskms.only(INIT).inputs["access"]["target"]


def test_store_of_the_settings_reaches_whatever_needs_the_keys(tmp_path: Path) -> None:
    path = str(tmp_path / "keys" / "vault")
    custody = {"store": "file", "options": {"path": path}}
    deployment = shamir(
        custody=json.dumps({"store": "file", "path": path}), init=json.dumps({"rootToken": "revoke"})
    )
    assert deployment.outputs["custody"] == custody
    for type_ in (INIT, UNSEAL, QUORUM, REVOCATION):
        assert deployment.only(type_).inputs["custody"] == custody
