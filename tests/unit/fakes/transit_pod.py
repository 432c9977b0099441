"""Pod 0 of a Vault that another Vault unseals, as kubectl tells of it and runs commands in it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.unit.fakes.commands_on_path import only_commands

RUNNING = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}


def pod(state: Mapping[str, Any] | None, *, name: str = "vault") -> str:
    """Return a pod with one container in this state, as kubectl prints it; None for no container yet."""
    statuses = [{"name": name, "state": state}] if state is not None else []
    return json.dumps({"status": {"containerStatuses": statuses}})


def provide_pod(
    monkeypatch: pytest.MonkeyPatch, folder: Path, found: str, executed: str, log: str = "no such host"
) -> Path:
    """Provide a kubectl with that pod, in which commands run so; return the file of its calls."""
    calls = folder / "calls"
    (folder / "pod").write_text(found)
    script = f"""
        printf '%s\\n' "$*" >> '{calls}'
        case " $* " in
        *" get pod "*) exec /bin/cat '{folder}/pod';;
        *" logs "*) echo '{log}';;
        *" exec "*) {executed};;
        esac"""
    only_commands(monkeypatch, folder / "commands", kubectl=script)
    return calls


def fails_with(message: str) -> str:
    """Return a command that fails with this message."""
    return f"echo '{message}' >&2; exit 1"
