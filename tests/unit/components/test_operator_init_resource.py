"""The init as the program asks the engine for it."""

import json
from collections.abc import Mapping

import pytest

from components.errors import DeploymentError
from tests.unit.fakes.mocked_account import (
    ADMISSION,
    CLUSTER_UID,
    EKS,
    INIT,
    JOURNAL_KEY,
    JOURNAL_SECRET,
    KEY_ARN,
    REGION,
    RELEASE,
    ROLE_ARN,
    shamir,
    up,
)
from tests.unit.fakes.recorded_deployment import Deployment, Secret

pytestmark = pytest.mark.usefixtures("program_commands")


def test_init_marks_its_secrets(awskms: Deployment) -> None:
    assert awskms.only(INIT).additional_secret_outputs == {
        "root_token",
        "recovery_shares",
        "key_shares",
        "journal_key",
    }


def test_init_gets_the_settings(awskms: Deployment) -> None:
    inputs = {name: value for name, value in awskms.only(INIT).inputs.items() if name != "access"}
    assert inputs.pop("__provider")
    assert inputs == {
        "cluster_uid": CLUSTER_UID,
        "seal_type": "awskms",
        "migrate_from": "",
        "seal_key": KEY_ARN,
        "shares": 5,
        "threshold": 3,
        "pgp_keys": [],
        "root_token_pgp_key": "",
        "adopt": False,
        "adopted_keys_file": "",
        "custody": {},
        "preflight": {
            "seal": "awskms",
            "role_arn": ROLE_ARN,
            "key_arn": KEY_ARN,
            "region": REGION,
            "service_account": "vault",
        },
        "journal_key": Secret(JOURNAL_SECRET),
        "preflight_seconds": 120,
        "pod_start_seconds": 300,
    }


@pytest.mark.parametrize("seal", ["awskms without preflight", "shamir"])
def test_journal_without_a_key_service_is_encrypted_with_the_key_of_the_stack(seal: str) -> None:
    deployment = shamir() if seal == "shamir" else up({**EKS, "init": json.dumps({"preflight": False})})
    inputs = deployment.only(INIT).inputs
    assert (inputs["journal_key"], inputs["preflight"]) == (Secret(JOURNAL_SECRET), {})
    warned = any("init.preflight is off" in line for line in deployment.log)
    assert warned is (seal != "shamir")


def test_every_stack_has_a_key_of_the_journal(awskms: Deployment) -> None:
    assert awskms.only(JOURNAL_KEY).additional_secret_outputs == {"key"}
    assert awskms.only(INIT).inputs["journal_key"] == Secret(JOURNAL_SECRET)
    assert not any("init.preflight" in line for line in awskms.log)


def test_keys_to_adopt_reach_no_resource() -> None:
    configuration = {
        "seal": "shamir",
        "kubeContext": "here",
        "init": json.dumps({"adopt": True}),
        "adoptedKeys": json.dumps({"root_token": "hvs.adopted"}),
    }
    deployment = up(configuration, secret_keys=["adoptedKeys"])
    assert deployment.only(INIT).inputs["adopt"] is True
    assert "hvs.adopted" not in str(deployment)


def test_init_comes_after_the_release(awskms: Deployment) -> None:
    assert RELEASE in awskms.prerequisites(awskms.only(INIT))


def test_init_does_not_wait_for_the_injector(awskms: Deployment) -> None:
    assert ADMISSION not in awskms.prerequisites(awskms.only(INIT))


SECRET_STORE = {
    "store": "aws-secrets-manager",
    "region": "ap-northeast-2",
    "name": "vault/keys",
    "readers": ["arn:aws:iam::123456789012:role/platform"],
}
IN_STORE = json.dumps(SECRET_STORE)
NO_PREFLIGHT = json.dumps({"preflight": False})


@pytest.mark.parametrize("value", ["true", "TRUE", "1"])
@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        (EKS, "the keys of Vault"),
        ({**EKS, "init": NO_PREFLIGHT}, "the keys of Vault"),
        ({**EKS, "custody": IN_STORE}, "the key of the journal"),
    ],
    ids=["keys", "keys and journal", "journal"],
)
def test_state_that_keeps_secrets_is_saved_in_between(
    monkeypatch: pytest.MonkeyPatch, settings: Mapping[str, str], kept: str, value: str
) -> None:
    monkeypatch.setenv("PULUMI_SKIP_CHECKPOINTS", value)
    with pytest.raises(DeploymentError, match=f"this state keeps {kept}.*Unset the variable"):
        up(settings)


def test_creation_of_the_init_is_watched() -> None:
    assert up(EKS).only(INIT).hooks_before_creation == {"before-init-is-created"}


@pytest.mark.parametrize("value", ["false", ""])
def test_state_with_checkpoints_is_taken(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("PULUMI_SKIP_CHECKPOINTS", value)
    assert up(EKS).only(INIT).inputs["threshold"] == 3
