"""A secret whose name AWS keeps for one that was deleted is told before it is created."""

from collections.abc import Iterator
from typing import Any

import boto3
import pulumi
import pytest
from moto import mock_aws

from components.custody.stores.aws_secrets_manager import Store
from components.custody_provisioning import refuse_deleted_name
from components.errors import DeploymentError
from tests.unit.fakes.recorded_deployment import deploy

STORE = Store(name="vault/init", region="eu-central-1", kms_key="own", readers=())
ARGUMENTS = pulumi.ResourceHookArgs(urn="", id="", name="key-store", type="")


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with mock_aws():
        yield boto3.client("secretsmanager", STORE.region)


def call_hook(*, preview: bool) -> None:
    found: list[pulumi.ResourceHook] = []

    def program() -> None:
        binding = refuse_deleted_name(STORE)
        found.extend(hook for hook in binding.before_create or () if isinstance(hook, pulumi.ResourceHook))

    deploy({}, answers={}, outputs=lambda _: {}, program=program, preview=preview)
    (hook,) = found
    assert hook.opts is not None
    assert hook.opts.on_dry_run
    hook(ARGUMENTS)


def test_name_of_a_deleted_secret_is_refused(secrets: Any, capsys: pytest.CaptureFixture[str]) -> None:
    secrets.create_secret(Name=STORE.name, SecretString="s")
    secrets.delete_secret(SecretId=STORE.name, RecoveryWindowInDays=30)
    line = f"aws secretsmanager restore-secret --region eu-central-1 --secret-id {STORE.name}"
    with pytest.raises(DeploymentError, match=line):
        call_hook(preview=False)
    call_hook(preview=True)
    said = capsys.readouterr().err
    assert line in said
    assert "custody.name" in said


def test_free_name_and_a_secret_that_exists_are_left_to_aws(
    secrets: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    call_hook(preview=False)
    secrets.create_secret(Name=STORE.name, SecretString="s")
    call_hook(preview=False)
    assert capsys.readouterr().err == ""
