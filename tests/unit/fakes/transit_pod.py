"""Pod 0 of a Vault that another Vault unseals, as kubectl tells of it and runs commands in it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.unit.fakes.commands_on_path import only_commands

RUNNING = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}


STATEFUL_SET = {"kind": "StatefulSet", "metadata": {"name": "vault", "uid": "1"}, "spec": {"replicas": 1}}
NO_POD = json.dumps({"items": [STATEFUL_SET]})


def pod(state: Mapping[str, Any] | None, *, last_state: Mapping[str, Any] | None = None) -> str:
    """Return the StatefulSet and its pod as kubectl prints them; a ``state`` of None for no container yet."""
    container = {"name": "vault", "state": state, "lastState": last_state or {}}
    statuses = [container] if state is not None else []
    found = {
        "kind": "Pod",
        "metadata": {"name": "vault-0", "uid": "2"},
        "status": {"phase": "Pending", "containerStatuses": statuses},
    }
    return json.dumps({"items": [STATEFUL_SET, found]})


def provide_pod(
    monkeypatch: pytest.MonkeyPatch, folder: Path, found: str, executed: str, log: str = "no such host"
) -> Path:
    """Provide a kubectl with that pod, in which commands run so; return the file of its calls."""
    calls = folder / "calls"
    (folder / "pod").write_text(found)
    script = f"""
        printf '%s\\n' "$*" >> '{calls}'
        case " $* " in
        *" get statefulset,pod "*) exec /bin/cat '{folder}/pod';;
        *" get events "*) echo '{{"items": []}}';;
        *" logs "*) echo '{log}';;
        *" exec "*) {executed};;
        esac"""
    only_commands(monkeypatch, folder / "commands", kubectl=script)
    return calls


def fails_with(message: str) -> str:
    """Return a command that fails with this message."""
    return f"echo '{message}' >&2; exit 1"
