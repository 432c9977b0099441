"""No key, root token or key of the journal appears anywhere but where the custody keeps it."""

import base64
import functools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config

from sandbox.network import REGION
from tests.end_to_end.deployment import Deployment
from tests.end_to_end.faults import custodies
from tests.end_to_end.faults.custodies import CUSTODIES, FILE, Custody
from tests.end_to_end.leak_search import require_nowhere_else, require_settings_nowhere_else
from tests.end_to_end.test_custody import forget_the_init


@pytest.fixture
def keys_namespace(fresh: Deployment) -> Iterator[None]:
    """A namespace for keys, apart from Vault's."""
    namespace = custodies.namespace_of(fresh)
    fresh.cluster.kubectl("create", "namespace", namespace)
    yield
    fresh.cluster.kubectl("delete", "namespace", namespace, "--wait=false")


@pytest.mark.usefixtures("keys_namespace")
@pytest.mark.parametrize(
    "custody", [custody for custody in CUSTODIES if custody != FILE], ids=lambda custody: custody.name
)
def test_secrets_are_nowhere_else(fresh: Deployment, tmp_path: Path, custody: Custody) -> None:
    require_nowhere_else(fresh, custody, tmp_path, journal_key)


def test_secrets_are_nowhere_else_over_a_life(fresh: Deployment, tmp_path: Path) -> None:
    """At the init, at a change of shares, and at an adoption with the keys and a token in the settings."""
    first = require_nowhere_else(fresh, FILE, tmp_path, journal_key)
    init = {"shares": 4, "threshold": 2}
    keys = require_nowhere_else(fresh, FILE, tmp_path, journal_key, changes={"init": init}, earlier=first)
    assert not set(first.shares) & set(keys.shares)

    forget_the_init(fresh)
    path = str(tmp_path / "keys" / "adopted.json")
    settings = {"custody": {"store": "file", "path": path}, "init": {**init, "adopt": True}}
    answer = {
        "root_token": keys.root_token,
        "recovery_keys_b64": list(keys.shares),
        "recovery_keys_threshold": init["threshold"],
    }
    secrets = {"adoptedKeys": json.dumps(answer), "token": keys.root_token}
    require_settings_nowhere_else(fresh, keys, settings, secrets, tmp_path)
    assert json.loads(Path(path).read_text())["recovery_shares"] == list(keys.shares)


def journal_key(deployment: Deployment, entry: Mapping[str, Any]) -> str:
    """Decrypted by AWS KMS with the rights of Vault's role."""
    endpoint = functools.partial(
        boto3.client, region_name=REGION, endpoint_url=deployment.stack.cloud_environment["AWS_ENDPOINT_URL"]
    )
    token = deployment.cluster.kubectl(
        "create", "token", "vault", deployment.in_namespace, "--audience=sts.amazonaws.com"
    ).strip()
    credentials = endpoint("sts", config=Config(signature_version=UNSIGNED)).assume_role_with_web_identity(
        RoleArn=deployment.outputs()["role_arn"], RoleSessionName="leaks", WebIdentityToken=token
    )["Credentials"]
    kms = endpoint(
        "kms",
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
    )
    plain: bytes = kms.decrypt(
        CiphertextBlob=base64.b64decode(entry["header"]["wrapped_key"]),
        EncryptionContext={"vault-autounseal:deployment": entry["deployment"]},
    )["Plaintext"]
    return base64.b64encode(plain).decode()
