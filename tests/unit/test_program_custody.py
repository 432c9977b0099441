"""The whole program on Pulumi's mocks: what its resources learn of the keys, and what keeps them secret."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.fakes.mocked_account import (
    CLUSTER_UID,
    EKS,
    IDENTITY,
    INIT,
    JOURNAL_KEY,
    JOURNAL_SECRET,
    KEY_ARN,
    KUBERNETES_PROVIDER,
    QUORUM,
    REGION,
    REVOCATION,
    ROLE_ARN,
    ROOT_TOKEN,
    UNSEAL,
    provide_commands,
    shamir,
    up,
)
from tests.unit.fakes.recorded_deployment import Deployment, Secret


@pytest.fixture(autouse=True)
def commands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The commands that the program needs."""
    provide_commands(monkeypatch, tmp_path)


@pytest.fixture(scope="module")
def awskms(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """A deployment with every default on EKS."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        provide_commands(monkeypatch, tmp_path_factory.mktemp("account"))
        return up(EKS)


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
        "wipe": False,
        "replicas": 3,
        "custody": {},
        "preflight": {
            "seal": "awskms",
            "role_arn": ROLE_ARN,
            "key_arn": KEY_ARN,
            "region": REGION,
            "service_account": "vault",
        },
        "journal_key": "",
        "preflight_seconds": 120,
        "pod_start_seconds": 300,
    }


def test_quorum_reads_with_the_root_token_as_a_secret(awskms: Deployment) -> None:
    quorum = awskms.only(QUORUM)
    assert quorum.inputs["token"] == Secret(ROOT_TOKEN)
    assert quorum.additional_secret_outputs == {"token"}
    assert quorum.inputs["replicas"] == 3
    assert quorum.inputs["release_revision"] == 1


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


def test_nothing_is_asked_of_a_cluster_before_it_is_known_to_be_the_right_one(awskms: Deployment) -> None:
    (provider,) = awskms.of_type(KUBERNETES_PROVIDER)
    assert IDENTITY in awskms.prerequisites(provider)
    assert awskms.only(IDENTITY).inputs["target"] == awskms.only(INIT).inputs["access"]["target"]


@pytest.mark.parametrize("seal", ["awskms without preflight", "shamir"])
def test_journal_without_a_key_service_gets_a_key_of_the_stack(seal: str) -> None:
    deployment = shamir() if seal == "shamir" else up({**EKS, "init": json.dumps({"preflight": False})})
    inputs = deployment.only(INIT).inputs
    assert (inputs["journal_key"], inputs["preflight"]) == (Secret(JOURNAL_SECRET), {})
    assert deployment.only(JOURNAL_KEY).additional_secret_outputs == {"key"}
    warned = any("init.preflight is off" in line for line in deployment.log)
    assert warned is (seal != "shamir")


def test_preflight_needs_no_key_of_the_stack(awskms: Deployment) -> None:
    assert awskms.of_type(JOURNAL_KEY) == []
    assert not any("init.preflight" in line for line in awskms.log)


def test_store_of_the_settings_reaches_whatever_needs_the_keys(tmp_path: Path) -> None:
    path = str(tmp_path / "keys" / "vault")
    custody = {"store": "file", "options": {"path": path}}
    deployment = shamir(
        custody=json.dumps({"store": "file", "path": path}), init=json.dumps({"rootToken": "revoke"})
    )
    assert deployment.outputs["custody"] == custody
    for type_ in (INIT, UNSEAL, QUORUM, REVOCATION):
        assert deployment.only(type_).inputs["custody"] == custody


@pytest.mark.parametrize("more", [{}, {"init": json.dumps({"rootToken": "keep"})}])
def test_root_token_is_kept_where_nothing_else_is_said(more: Mapping[str, str]) -> None:
    deployment = shamir(**more)
    assert deployment.of_type(REVOCATION) == []
    assert deployment.only(QUORUM).inputs["token_needed"] is True


def test_root_token_is_revoked_after_the_quorum() -> None:
    deployment = shamir(init=json.dumps({"rootToken": "revoke"}))
    revocation = deployment.only(REVOCATION)
    assert QUORUM in deployment.prerequisites(revocation)
    assert revocation.inputs["root_token"] == Secret(ROOT_TOKEN)
    assert revocation.additional_secret_outputs == {"root_token"}
    assert deployment.only(QUORUM).inputs["token_needed"] is False


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
