"""Keys in Google Secret Manager: made by the stack, found again, adopted, and nowhere else."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sandbox.google.project import DEPLOYER, OWNER
from tests.end_to_end.deployment import Deployment
from tests.end_to_end.faults.custodies import Custody, Keys
from tests.end_to_end.google.conftest import KMS, PROJECT, GoogleDeployment
from tests.end_to_end.leak_search import require_nowhere_else
from tests.end_to_end.lost_state import assert_taken_over
from tests.end_to_end.test_custody import (
    assert_unchanged,
    assert_unlocks,
    deploy,
    forget_the_init,
    outputs_without_keys,
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


def test_secret_of_the_stack_keeps_the_keys(fresh_google: GoogleDeployment, tmp_path: Path) -> None:
    def read(_deployment: Deployment, _folder: Path) -> Keys:
        stored = record(fresh_google, "kept", fresh_google.outputs()["keys_version"])
        return Keys(stored["root_token"], stored["recovery_shares"])

    kept = Custody("gcp-secret-manager", lambda _deployment, _folder: {"custody": custody("kept")}, read)
    require_nowhere_else(fresh_google, kept, tmp_path, journal_key)
    outputs = outputs_without_keys(fresh_google)
    stored = record(fresh_google, "kept", outputs["keys_version"])
    assert token_works(fresh_google, stored["root_token"])
    assert stored["cluster_id"] == outputs["cluster_id"]
    assert stored["seal_key"] == outputs["key_id"]
    assert fresh_google.bindings(f"{SECRETS}/kept")[ACCESSOR] == [f"serviceAccount:{DEPLOYER}"]
    assert_unlocks(fresh_google)
    assert_unchanged(fresh_google)

    assert_taken_over(fresh_google, tmp_path, outputs)


def test_vault_is_adopted_with_its_keys(fresh_google: GoogleDeployment, tmp_path: Path) -> None:
    outputs = deploy(fresh_google, {"custody": custody("first")})
    stored = record(fresh_google, "first", outputs["keys_version"])
    forget_the_init(fresh_google)
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
    adopted = deploy(fresh_google, {"custody": custody("second"), **adopt})
    kept = record(fresh_google, "second", adopted["keys_version"])
    assert kept["recovery_shares"] == stored["recovery_shares"]
    assert_unlocks(fresh_google)


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
