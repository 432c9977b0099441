"""Stacks that the policy pack judges on the real engine, in an environment of its own.

The sandbox's language host is older than what runs packs in Python, so the engine is told of a runtime of
another name, for which it looks for a program on PATH.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sandbox.layout import REPOSITORY
from tests.integration.plugin_stack import PluginStack
from tests.unit.fakes.recorded_deployment import Registration, Secret

PACK = REPOSITORY / "policy"
ENVIRONMENT = PACK / "venv"
_RUNTIME = "localpython"
_SECRET = "a secret"
_PROGRAM = f"""
import json
import pulumi

def read(value):
    if isinstance(value, dict):
        if value.keys() == {{"{_SECRET}"}}:
            return pulumi.Output.secret(read(value["{_SECRET}"]))
        return {{key: read(entry) for key, entry in value.items()}}
    return [read(entry) for entry in value] if isinstance(value, list) else value

# Of a component the engine asks no provider, and of the pack what it asks it of any resource.
for entry in json.load(open("resources.json")):
    options = pulumi.ResourceOptions(protect=entry["protect"])
    properties = read(entry["inputs"])
    # A pack gets to see the inputs of each resource, and at the end the outputs of all.
    pulumi.ComponentResource(entry["type"], entry["name"], properties, options).register_outputs(properties)
"""


def install_pack(folder: Path) -> Path:
    """Copy the pack, install what it needs unless that is done, and return the copy.

    Beside it is ``bin`` with the program that runs it, for PATH.
    """
    _install_requirements()
    copy = folder / "policy"
    shutil.copytree(PACK, copy, ignore=shutil.ignore_patterns("venv", "__pycache__"))
    description = (copy / "PulumiPolicy.yaml").read_text()
    _, _, rest = description.partition("\nversion:")
    (copy / "PulumiPolicy.yaml").write_text(f"runtime: {_RUNTIME}\nversion:{rest}")
    runner = folder / "bin" / f"pulumi-analyzer-policy-{_RUNTIME}"
    runner.parent.mkdir()
    runner.write_text(f'#!/bin/sh\nexec \'{ENVIRONMENT}/bin/python\' -u -m pulumi.policy "$1" "$2"\n')
    runner.chmod(0o755)
    return copy


def judged_stack(folder: Path, pack: Path) -> PluginStack:
    """A stack of a name for production, whose every run the pack may judge."""
    stack = PluginStack(folder)
    stack.variables["PATH"] = f"{pack.parent / 'bin'}{os.pathsep}{stack.variables['PATH']}"
    stack.pulumi("stack", "init", "prod")
    return stack


def register(stack: PluginStack, registrations: Sequence[Registration]) -> None:
    """Have the stack's program register these resources, with what was secret as secrets."""
    found = [
        {"type": entry.type, "name": entry.name, "inputs": _written(entry.inputs), "protect": entry.protect}
        for entry in registrations
        # The stand-ins of its components and providers say nothing to a rule.
        if not entry.type.startswith("pulumi:providers:")
    ]
    (stack.folder / "resources.json").write_text(json.dumps(found))
    stack.program(_PROGRAM)


def _written(value: Any) -> Any:
    if isinstance(value, Secret):
        return {_SECRET: _written(value.value)}
    if isinstance(value, Mapping):
        return {key: _written(entry) for key, entry in value.items()}
    return [_written(entry) for entry in value] if isinstance(value, list) else value


def _install_requirements() -> None:
    lock = PACK / "requirements.lock"
    stamp = ENVIRONMENT / ".installed-requirements"
    if stamp.exists() and stamp.read_bytes() == lock.read_bytes():
        return
    uv = str(Path(sys.executable).with_name("uv"))
    for command in (
        [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(ENVIRONMENT)],
        [uv, "pip", "sync", "--quiet", "--python", str(ENVIRONMENT / "bin" / "python"), str(lock)],
    ):
        subprocess.run(command, check=True)
    stamp.write_bytes(lock.read_bytes())
