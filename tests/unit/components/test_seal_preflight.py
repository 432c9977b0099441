"""Which seals are proved, and that nothing heavy is loaded for the others."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from components.kubectl import KubernetesTarget
from components.seal_preflight import MODULES, run_preflight
from tests.unit.commands_on_path import only_commands

REPOSITORY = Path(__file__).resolve().parents[3]


def test_seal_without_a_key_service_needs_no_proof(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    only_commands(monkeypatch, tmp_path)
    target = KubernetesTarget(kubeconfig="", context="here", namespace="vault")
    assert run_preflight({"type": "shamir"}, target, 1) is None


@pytest.mark.parametrize("module", MODULES.values())
def test_module_of_a_seal_is_there(module: str) -> None:
    assert importlib.util.find_spec(module) is not None


def test_sdk_is_loaded_only_when_a_seal_is_proved() -> None:
    check = "import sys, components.seal_preflight; print('boto3' in sys.modules, 'botocore' in sys.modules)"
    command = [sys.executable, "-c", check]
    result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["False", "False"]
