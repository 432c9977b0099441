"""Keys in Google Secret Manager: made by the stack, found again, adopted, and nowhere else."""

import base64
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from sandbox.google.project import DEPLOYER, OWNER
from tests.end_to_end.conftest import Deployment
from tests.end_to_end.faults.custodies import Custody, Keys
from tests.end_to_end.google.conftest import KMS, PROJECT, GoogleDeployment
from tests.end_to_end.leak_search import require_nowhere_else
from tests.end_to_end.test_custody import (
    assert_unchanged,
    assert_unlocks,
    deploy,
    forget_the_init,
    token_works,
)

SECRETS = f"secretmanager.googleapis.com/v1/{PROJECT}/secrets"
ACCESSOR = "roles/secretmanager.secretAccessor"


def custody(name: str) -> Mapping[str, object]:
    """Settings of a secret that the stack makes, which who deploys may read."""
    return {
        "store": "gcp-secret-manager",
        "secret": f"{PROJECT}/secrets/{name}",
        "readers": [f"serviceAccount:{DEPLOYER}"],
    }


def record(google: GoogleDeployment, name: str, version: str) -> dict[str, Any]:
    """The record of that version."""
    answer = google.google("GET", f"{SECRETS}/{name}/versions/{version}:access")
    found: dict[str, Any] = json.loads(base64.b64decode(answer["payload"]["data"]))
    return found


@pytest.fixture
def small(google: GoogleDeployment) -> Iterator[GoogleDeployment]:
    """Nothing deployed, before and after."""
    google.ensure_nothing()
    yield google
    google.ensure_nothing()


def test_secret_of_the_stack_keeps_the_keys(small: GoogleDeployment) -> None:
    outputs = deploy(small, {"custody": custody("kept")})
    stored = record(small, "kept", outputs["keys_version"])
    assert token_works(small, stored["root_token"])
    assert stored["cluster_id"] == outputs["cluster_id"]
    assert stored["seal_key"] == outputs["key_id"]
    assert small.bindings(f"{SECRETS}/kept")[ACCESSOR] == [f"serviceAccount:{DEPLOYER}"]
    assert_unlocks(small)
    assert_unchanged(small)

    forget_the_init(small)
    result = small.stack.run("up", "--yes", "--skip-preview")
    assert result.returncode == 0, result.stdout
    assert "Keys of this Vault were found" in result.stdout
    assert small.outputs()["keys_fingerprint"] == outputs["keys_fingerprint"]


def test_vault_is_adopted_with_its_keys(small: GoogleDeployment, tmp_path: Path) -> None:
    outputs = deploy(small, {"custody": custody("first")})
    stored = record(small, "first", outputs["keys_version"])
    forget_the_init(small)
    given = tmp_path / "init.json"
    given.write_text(
        json.dumps(
            {
                "root_token": stored["root_token"],
                "recovery_keys_b64": stored["recovery_shares"],
                "recovery_keys_threshold": stored["threshold"],
            }
        )
    )
    adopt = {"init": {"adopt": True, "adoptedKeysFile": str(given)}}
    adopted = deploy(small, {"custody": custody("second"), **adopt})
    assert record(small, "second", adopted["keys_version"])["recovery_shares"] == stored["recovery_shares"]
    assert_unlocks(small)


def test_secrets_are_nowhere_else(small: GoogleDeployment, tmp_path: Path) -> None:
    def read(_deployment: Deployment, _folder: Path) -> Keys:
        stored = record(small, "scanned", small.outputs()["keys_version"])
        return Keys(stored["root_token"], stored["recovery_shares"])

    kept = Custody("gcp-secret-manager", lambda _folder: {"custody": custody("scanned")}, read)
    require_nowhere_else(small, kept, tmp_path, journal_key)


def journal_key(deployment: Deployment, entry: Mapping[str, Any]) -> str:
    """Decrypted by Google Cloud KMS, by the owner, who gives himself the right."""
    assert isinstance(deployment, GoogleDeployment)
    key = entry["header"]["key"]
    bindings = {role: list(members) for role, members in deployment.bindings(f"{KMS}/{key}").items()}
    deployment.bind(f"{KMS}/{key}", {**bindings, "roles/cloudkms.cryptoKeyDecrypter": [OWNER]})
    context = f"vault-autounseal:deployment:{entry['deployment']}".encode()
    answer = deployment.google(
        "POST",
        f"{KMS}/{key}:decrypt",
        {
            "ciphertext": entry["header"]["wrapped_key"],
            "additionalAuthenticatedData": base64.b64encode(context).decode(),
        },
    )
    deployment.bind(f"{KMS}/{key}", bindings)
    return str(answer["plaintext"])
