"""A script in pulumi's place that answers of a selected stack what the commands for snapshots ask."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.fakes.commands_on_path import only_commands
from tests.unit.fakes.init_inputs import DEPLOYMENT, access

SEAL_KEY = "arn:aws:kms:eu-central-1:123456789012:key/1"


def select_stack(monkeypatch: pytest.MonkeyPatch, folder: Path, address: str, **changed: Any) -> None:
    """Selects stack `prod`, of which each pod is at that address."""
    outputs = {
        "pod_access": access(address).to_properties(),
        "deployment": DEPLOYMENT,
        "mode": "ha",
        "replicas": 1,
        "threshold": 2,
        "seal_type": "awskms",
        "seal_key": SEAL_KEY,
        "custody": {"store": "state"},
        "root_token": "hvs.root",
        "recovery_shares": ["c2hhcmU="],
        "key_shares": [],
        **changed,
    }
    (folder / "outputs").write_text(json.dumps(outputs))
    (folder / "state").write_text(json.dumps({"deployment": {"resources": []}}))
    script = f"""case "$*" in
        "stack --show-name") echo prod;;
        "stack output --json --show-secrets") exec /bin/cat '{folder}/outputs';;
        "stack export --show-secrets") exec /bin/cat '{folder}/state';;
        *) exit 1;;
        esac"""
    only_commands(monkeypatch, folder / "commands", pulumi=script)
