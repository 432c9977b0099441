"""The preflight with the access key of a user, which is in a Secret."""

import base64
import json
from pathlib import Path
from uuid import uuid4

import pytest

from components.aws.policies import unseal_key_policy
from components.aws.preflight import prove_seal
from components.errors import DeploymentError
from components.kubernetes.kubectl import KubernetesTarget
from sandbox.aws.account import ACCOUNT_ID
from sandbox.network import REGION
from tests.integration.aws.running_cloud import Cloud
from tests.unit.fakes.commands_on_path import only_commands


def prove(cloud: Cloud, monkeypatch: pytest.MonkeyPatch, folder: Path, *, own_key: bool, secret: str) -> None:
    """Prove a user's key, with this in place of its secret access key unless it is empty."""
    iam, name = cloud.iam(), f"vault-{uuid4().hex[:8]}"
    user = iam.create_user(UserName=name)["User"]["Arn"]
    access_key = iam.create_access_key(UserName=name)["AccessKey"]
    allowed = user if own_key else iam.create_user(UserName=f"{name}-other")["User"]["Arn"]
    policy = unseal_key_policy(
        partition="aws", account_id=ACCOUNT_ID, principal_arn=allowed, principal_exists=True
    )
    key_arn = cloud.kms().create_key(Policy=policy)["KeyMetadata"]["Arn"]
    entries = {"id": access_key["AccessKeyId"], "key": secret or access_key["SecretAccessKey"]}
    data = {entry: base64.b64encode(value.encode()).decode() for entry, value in entries.items()}
    (folder / "secret").write_text(json.dumps({"data": data}))
    only_commands(monkeypatch, folder / "commands", kubectl=f"exec /bin/cat '{folder}/secret'")
    monkeypatch.setenv("AWS_ENDPOINT_URL", cloud.url)
    # Nobody's, so that the proof is made with the Secret's alone.
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOFNOBODYATALL000")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nobody's")
    properties = {
        "seal": "awskms",
        "identity": "static",
        "key_arn": key_arn,
        "region": REGION,
        "secret": "vault-aws-key",
        "access_key_id": "id",
        "secret_access_key": "key",
    }
    target = KubernetesTarget(kubeconfig="", context="here", namespace="vault")
    try:
        prove_seal(properties, target, 0.1)
    except DeploymentError as error:
        assert access_key["SecretAccessKey"] not in str(error)
        raise


def test_user_that_may_use_the_key(cloud: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    prove(cloud, monkeypatch, tmp_path, own_key=True, secret="")


def test_key_of_another_user_is_refused(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(DeploymentError, match="the key policy has to let the IAM user of Secret"):
        prove(cloud, monkeypatch, tmp_path, own_key=False, secret="")


def test_wrong_secret_access_key_is_told_as_such(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(DeploymentError, match="Put a valid access key of Vault's IAM user into Secret"):
        prove(cloud, monkeypatch, tmp_path, own_key=True, secret="w" * 40)
