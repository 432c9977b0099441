"""The example of a first configuration, run through the tunnel of the program's own command."""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from sandbox.layout import REPOSITORY
from sandbox.plugins.installation import install_plugins
from sandbox.stack import NAMESPACE, SandboxStack
from tests.end_to_end.deployment import Deployment
from tests.end_to_end.injected_pod import PASSWORD, said_by_a_pod
from tests.end_to_end.running_vault import RunningVault

_EXAMPLE = REPOSITORY / "examples" / "configure"
_STACK = "configuration"
_SECONDS = 180


@dataclass(frozen=True)
class FirstConfiguration:
    """A stack of the example beside the one that has deployed Vault, with the same state and passphrase."""

    deployed: SandboxStack
    folder: Path
    """Where the example is copied to."""

    def prepare(self, settings: Mapping[str, object]) -> None:
        """Copy the example, and create its stack with these settings."""
        path = self.deployed.environment()["PATH"]
        install_plugins(self.deployed.layout, download=False, search_path=path, providers=["vault"])
        for name in ("__main__.py", "administrator.hcl"):
            shutil.copy(_EXAMPLE / name, self.folder)
        description = yaml.safe_load((_EXAMPLE / "Pulumi.yaml").read_text())
        # The environment is the one of the tests.
        del description["runtime"]["options"]
        (self.folder / "Pulumi.yaml").write_text(yaml.safe_dump(description))
        self._run("pulumi", "stack", "init", _STACK)
        given = {"vaultStack": f"organization/{NAMESPACE}/{self.deployed.name}", **settings}
        for key, value in given.items():
            text = value if isinstance(value, str) else json.dumps(value)
            self._run("pulumi", "config", "set", "--stack", _STACK, key, text)

    def up(self, token: str, *options: str) -> str:
        """Update it with that token, through the tunnel; returns what is said."""
        update = ["pulumi", "up", "--yes", "--skip-preview", "--stack", _STACK, "--cwd", str(self.folder)]
        forward = [sys.executable, "-m", "components", "forward", "--", *update, *options]
        return self._run(*forward, VAULT_TOKEN=token, PULUMI_STACK=self.deployed.name)

    def _run(self, *command: str, **variables: str) -> str:
        forwarded = command[0] == sys.executable
        result = subprocess.run(
            command,
            cwd=self.deployed.program if forwarded else self.folder,
            env={**self.deployed.environment(), **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        said = result.stdout + result.stderr
        assert result.returncode == 0, said
        return said


def require_pod_reads_secret(
    deployment: Deployment, vault: RunningVault, folder: Path, settings: Mapping[str, object]
) -> None:
    """The example is run with the root token, then by the administrator whom it lets in; a pod gets a secret.

    ``settings`` come on top of those that let the service account `default` in as both.
    """
    accounts = {"namespace": "default", "serviceAccount": "default"}
    configuration = FirstConfiguration(deployment.stack, folder)
    configuration.prepare({"administrators": accounts, "workloads": {"database": accounts}, **settings})
    configuration.up(deployment.outputs()["root_token"])
    # An administrator goes on in place of the root token.
    pod_token = deployment.cluster.kubectl("create", "token", "default", "--namespace=default").strip()
    login = {"role": "administrator", "jwt": pod_token}
    administrator = vault.write("auth/kubernetes/login", "", login)["auth"]["client_token"]
    configuration.up(administrator, "--expect-no-changes")
    assert PASSWORD in said_by_a_pod(vault, administrator, "secret/data/database/password")
