"""A stack of its own on the real engine, with the sandbox's provider plugins."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sandbox.layout import Layout
from sandbox.plugins.installation import PROVIDERS, install_plugins
from tests.built_tools import built_tools

_RUN_SECONDS = 180


@dataclass
class PluginStack:
    """A Pulumi project in a folder, with these provider plugins; ``environment`` is what they need."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    providers: Sequence[str] = PROVIDERS

    def __post_init__(self) -> None:
        path = built_tools().search_path(Path(sys.executable).parent)
        layout = Layout(home=self.folder / "home")
        plugins = install_plugins(layout, download=False, search_path=path, providers=self.providers)
        if any(plugin.kind == "real" for plugin in plugins):
            pytest.skip("a real provider plugin is on PATH, so the stand-ins are not used")
        backend = self.folder / "backend"
        backend.mkdir()
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AWS_", "GOOGLE_", "PULUMI_", "KUBECONFIG", "PYTHONDONTWRITEBYTECODE"))
        }
        self.variables = {
            **inherited,
            **self.environment,
            "PATH": path,
            "PULUMI_HOME": str(layout.pulumi_home),
            "PULUMI_BACKEND_URL": backend.as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": "integration test",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        }
        (self.folder / "Pulumi.yaml").write_text("name: plugins\nruntime: python\n")
        self.pulumi("stack", "init", "test")

    def program(self, text: str) -> None:
        """Give the project another program."""
        (self.folder / "__main__.py").write_text(text)

    def pulumi(self, *arguments: str, fails: bool = False) -> str:
        """Run a command; returns its output. With ``fails`` it has to fail, without it has to succeed."""
        result = self._run("pulumi", *arguments, "--non-interactive")
        output = result.stdout + result.stderr
        assert (result.returncode != 0) is fails, output
        return result.stdout if not fails else output

    def components(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a command of the program beside `pulumi up`."""
        return self._run(sys.executable, "-m", "components", *arguments)

    def _run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_RUN_SECONDS,
            check=False,
        )

    def up(self, *, fails: bool = False) -> str:
        """Deploy the program."""
        return self.pulumi("up", "--yes", "--skip-preview", fails=fails)

    def foretold(self) -> dict[str, str]:
        """What a preview says will happen to each resource, by name, unless it stays as it is."""
        steps = json.loads(self.pulumi("preview", "--json"))["steps"]
        names = {"create-replacement", "delete-replaced", "same"}
        return {step["urn"].rpartition("::")[2]: step["op"] for step in steps if step["op"] not in names}

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs, secrets shown."""
        outputs: dict[str, Any] = json.loads(self.pulumi("stack", "output", "--json", "--show-secrets"))
        return outputs

    def urn(self, resource: str) -> str:
        """Return where a resource, named by its type and name, stands in the state."""
        resources = json.loads(self.pulumi("stack", "export"))["deployment"]["resources"]
        (urn,) = [entry["urn"] for entry in resources if entry["urn"].endswith(resource)]
        return str(urn)

    def state(self) -> dict[str, dict[str, Any]]:
        """The recorded resources by name."""
        deployment = json.loads(self.pulumi("stack", "export"))["deployment"]
        return {entry["urn"].rpartition("::")[2]: entry for entry in deployment.get("resources", [])}
