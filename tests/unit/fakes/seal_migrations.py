"""Inputs of a migration of the seal, and a kubectl that deletes pods and has logs of theirs."""

import base64
from pathlib import Path
from typing import Any

import pytest

from components.seal_migration.steps import MigrationInputs
from tests.unit.fakes.commands_on_path import only_commands
from tests.unit.fakes.init_inputs import NOWHERE, access
from tests.unit.fakes.kubernetes_objects import KubernetesObjects

SHARES = tuple(base64.b64encode(bytes([number]) * 33).decode() for number in range(5))
TOKEN = "hvs.root"


def migration_inputs(address: str = NOWHERE, **changed: Any) -> MigrationInputs:
    """One pod whose seal is migrated from Shamir's to transit."""
    values: dict[str, Any] = {
        "access": access(address),
        "replicas": 1,
        "leaving": "shamir",
        "seal_type": "transit",
        "shares": SHARES,
        "threshold": 3,
        "token": "",
        "step_seconds": 60.0,
        **changed,
    }
    return MigrationInputs(**values)


def provide_pods(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> KubernetesObjects:
    """Return the objects beside the pods; each deletion of a pod becomes a line of `deleted`."""
    objects = KubernetesObjects(tmp_path / "objects")
    deleted = tmp_path / "deleted"
    kubectl = (
        f'case " $* " in *" delete pod "*) echo "$*" >> \'{deleted}\';; '
        f'*" logs "*) echo the log of a pod;; *) {objects.script};; esac'
    )
    only_commands(monkeypatch, tmp_path / "commands", kubectl=kubectl)
    return objects
