"""The program's stack in the sandbox: run like any other, on the real engine, with a file backend."""

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypedDict

import yaml

from sandbox.build.tools import Tools
from sandbox.errors import SandboxError
from sandbox.layout import REPOSITORY, Layout

STACK = "local"
GOOGLE_STACK = "local-gcp"
NAMESPACE = "vault-autounseal"
_FOREIGN = ("AWS_", "CLOUDSDK_", "GCE_", "GCLOUD_", "GOOGLE_", "HELM_", "KUBECONFIG", "PULUMI_", "VAULT_")


class StackError(SandboxError):
    """The engine ended with an error; what it said is above."""


class _Surroundings(TypedDict):
    cwd: Path
    env: Mapping[str, str]
    stdin: int
    text: Literal[True]


@dataclass(frozen=True)
class SandboxStack:
    """One stack of the program, with the environment that leads it to the sandbox's parts."""

    layout: Layout
    tools: Tools
    cloud_environment: Mapping[str, str]
    """Where the cloud is, and the credentials to it; empty where the stack uses nothing of a cloud."""
    name: str = STACK
    program: Path = REPOSITORY
    """Folder of the program."""
    tracked: str = STACK
    """The stack whose tracked settings it has."""
    backend: Path | None = None
    """Folder of the engine's state; None is the sandbox's."""

    @property
    def state(self) -> Path:
        """The folder of the engine's state."""
        return self.backend or self.layout.backend

    @property
    def configuration_file(self) -> Path:
        """A copy of the tracked settings with those of this sandbox on top; the original stays as it is."""
        return self.layout.stack_configuration / f"Pulumi.{self.name}.yaml"

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig of the cluster that the stack is configured for."""
        document = yaml.safe_load(self.configuration_file.read_text(encoding="utf-8"))
        path: str = document["config"][f"{NAMESPACE}:kubeconfig"]
        return (self.program / path).resolve()

    @property
    def uses_own_cluster(self) -> bool:
        """Whether that is the sandbox's own cluster and not one that existed before."""
        return self.kubeconfig == self.layout.kubeconfig.resolve()

    def environment(self) -> dict[str, str]:
        """Everything that Pulumi and its plugins need, on top of the user's environment."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            # The user's own clouds, clusters and stacks must not reach into the sandbox.
            if not name.startswith(_FOREIGN)
            # Without kept byte code each engine run compiles the SDKs anew, for seconds.
            and name != "PYTHONDONTWRITEBYTECODE"
            # Some programs prefer a proxy that is spelt in small letters.
            and not (name.islower() and name.upper() in self.cloud_environment)
        }
        return {
            **inherited,
            **self.cloud_environment,
            "PATH": self.tools.search_path(Path(sys.executable).parent),
            "PULUMI_HOME": str(self.layout.pulumi_home),
            "PULUMI_BACKEND_URL": self.state.as_uri(),
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(self._passphrase_file()),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "HELM_CACHE_HOME": str(self.layout.home / "helm" / "cache"),
            "HELM_CONFIG_HOME": str(self.layout.home / "helm" / "config"),
            "HELM_DATA_HOME": str(self.layout.home / "helm" / "data"),
        }

    def configure(self, settings: Mapping[str, object]) -> None:
        """Write the stack's configuration: the tracked file plus ``settings``, by key without the namespace.

        Keeps the encryption salt of a stack that exists already.
        """
        document = yaml.safe_load((REPOSITORY / f"Pulumi.{self.tracked}.yaml").read_text(encoding="utf-8"))
        if self.configuration_file.exists():
            present = yaml.safe_load(self.configuration_file.read_text(encoding="utf-8"))
            document.update({key: value for key, value in present.items() if key != "config"})
        for key, value in settings.items():
            if value is None:
                document["config"].pop(f"{NAMESPACE}:{key}", None)
            else:
                document["config"][f"{NAMESPACE}:{key}"] = value
        self.configuration_file.parent.mkdir(parents=True, exist_ok=True)
        self.configuration_file.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")

    def select(self) -> None:
        """Create the stack if it doesn't exist yet.

        Its encryption salt goes into the configuration beside the ``Pulumi.yaml`` that is found, so that has
        to be a copy beside the sandbox's own configuration.
        """
        self.state.mkdir(parents=True, exist_ok=True)
        # Whole at once: other stacks may be selected at the same time.
        copy = self.layout.stack_configuration / f".{self.name}"
        shutil.copy(REPOSITORY / "Pulumi.yaml", copy)
        copy.replace(self.layout.stack_configuration / "Pulumi.yaml")
        folder = str(self.layout.stack_configuration)
        self.pulumi("stack", "select", "--create", self.name, "--cwd", folder, quiet=True)

    def pulumi(self, *arguments: str, quiet: bool = False) -> str:
        """Run Pulumi on this stack; raise :class:`StackError` if it fails.

        Its output goes to the terminal, or is returned where ``quiet``.
        """
        if quiet:
            result = self.run(*arguments)
            said = f":\n{result.stdout}{result.stderr}"
        else:
            sys.stdout.flush()
            result = subprocess.run(self.command(arguments), **self._surroundings(), check=False)
            said = "; what it said is above"
        if result.returncode != 0:
            raise StackError(f"pulumi {arguments[0]} ended with {result.returncode}{said}")
        return result.stdout or ""

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run Pulumi on this stack and return its exit status and output."""
        return subprocess.run(
            self.command(arguments), **self._surroundings(), capture_output=True, check=False
        )

    def command(self, arguments: Sequence[str]) -> list[str]:
        """Return the command line, with this stack and its configuration."""
        options = ["--non-interactive"]
        if arguments[0] != "stack":
            options += ["--stack", self.name, "--config-file", str(self.configuration_file)]
        elif arguments[1] != "select":
            options += ["--stack", self.name]
        return [str(self.tools.pulumi), *arguments, *options]

    def _surroundings(self) -> _Surroundings:
        return {
            "cwd": self.program,
            "env": self.environment(),
            "stdin": subprocess.DEVNULL,
            "text": True,
        }

    def _passphrase_file(self) -> Path:
        path = self.layout.home / "passphrase"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.write_text(secrets.token_urlsafe(24), encoding="utf-8")
        return path
