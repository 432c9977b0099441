"""The module that proves a seal is loaded only when the seal is proved."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from components.journal_cipher import StackKeyCipher
from components.kubectl import KubernetesTarget
from components.seal_preflight import run_preflight

REPOSITORY = Path(__file__).resolve().parents[3]
TARGET = KubernetesTarget(kubeconfig="", context="here", namespace="vault")


def test_module_of_the_seal_proves_it(monkeypatch: pytest.MonkeyPatch) -> None:
    cipher = StackKeyCipher("")
    asked: list[tuple[Mapping[str, Any], KubernetesTarget, float]] = []

    def prove_seal(properties: Mapping[str, Any], target: KubernetesTarget, seconds: float) -> StackKeyCipher:
        asked.append((properties, target, seconds))
        return cipher

    module = ModuleType("a_seal")
    module.__dict__["prove_seal"] = prove_seal
    monkeypatch.setitem(sys.modules, "a_seal", module)
    properties = {"module": "a_seal", "key": "k"}
    assert run_preflight(properties, TARGET, 7) is cipher
    assert asked == [(properties, TARGET, 7)]


def test_sdk_is_loaded_only_when_a_seal_is_proved() -> None:
    check = "import sys, components.seal_preflight; print('boto3' in sys.modules, 'botocore' in sys.modules)"
    command = [sys.executable, "-c", check]
    result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["False", "False"]
