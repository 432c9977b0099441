"""The release, by helm itself."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.errors import SandboxError
from sandbox.stack import SandboxStack
from tests.benchmarks.vault_cluster import Release


@dataclass(frozen=True)
class HelmRelease:
    """One release on the sandbox's cluster, whoever installed it.

    Every method raises :class:`SandboxError` where helm fails.
    """

    stack: SandboxStack
    """Of the program, for its environment and tools."""
    release: Release

    def values(self) -> dict[str, Any]:
        """The values that it was installed with."""
        values: dict[str, Any] = json.loads(self._helm("get", "values", self.release.name, "--output=json"))
        return values

    def install(self, chart: Sequence[str], values: Mapping[str, Any]) -> None:
        """Installs it and makes its namespace; ``chart`` is the chart as arguments of helm."""
        arguments = ["install", self.release.name, *chart, "--create-namespace", "--values=-"]
        self._helm(*arguments, stdin=json.dumps(values))

    def upgrade(self, chart: Sequence[str], values: Mapping[str, Any]) -> None:
        """Changes its values; no pod is replaced by that."""
        self._helm("upgrade", self.release.name, *chart, "--values=-", stdin=json.dumps(values))

    def uninstall(self) -> None:
        """Removes it; its namespace and its volumes stay."""
        self._helm("uninstall", self.release.name)

    def _helm(self, *arguments: str, stdin: str = "") -> str:
        result = subprocess.run(
            [
                str(self.stack.tools.helm),
                *arguments,
                f"--namespace={self.release.namespace}",
                f"--kubeconfig={self.stack.layout.kubeconfig}",
            ],
            env=self.stack.environment(),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode != 0:
            raise SandboxError(f"helm {arguments[0]} failed: {result.stderr.strip()}")
        return result.stdout
