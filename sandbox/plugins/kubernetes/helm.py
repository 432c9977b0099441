"""The helm binary.

Values are given on stdin and never in an argument or a file; a kubeconfig that was given by its contents lies
in a file for the owner's eyes while a command runs.
"""

import json
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from sandbox.plugins.json_values import Json
from sandbox.plugins.kubernetes.kubeconfig import ClusterSettings
from sandbox.plugins.provider import ProviderError


class HelmError(ProviderError):
    """helm failed; the message is its own, without the prefixes of the command line."""


@dataclass(frozen=True)
class ChartReference:
    """Which chart: a path, or a name in a repository (by URL); an empty version is the latest one.

    What is in an OCI registry has its URL as a name, and is fetched with what `helm registry login` has
    saved: the real plugin uses no other credentials there (pulumi-kubernetes#1914).
    """

    chart: str
    version: str = ""
    repository: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    authority: str = ""
    """Path of the repository's CA certificates."""

    @property
    def arguments(self) -> list[str]:
        """The chart as arguments of helm."""
        arguments = [self.chart]
        if self.version:
            arguments += ["--version", self.version]
        if self.repository and not self.chart.startswith("oci://"):
            arguments += ["--repo", self.repository]
            if self.authority:
                arguments += ["--ca-file", self.authority]
        return arguments


@dataclass(frozen=True)
class InstalledRelease:
    """A release as the cluster has it."""

    name: str
    namespace: str
    revision: int
    status: str
    chart: str
    version: str
    app_version: str
    values: dict[str, Json]
    manifest: str
    last_deployed: datetime


class Helm:
    """Runs helm against one cluster."""

    def __init__(self, settings: ClusterSettings) -> None:
        self._settings = settings
        self._running: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()

    def chart_version(self, reference: ChartReference) -> str:
        """Load the chart, and say its exact version; raises :class:`HelmError` if there is no such chart."""
        import yaml

        with self._fetched(reference) as chart:
            metadata = yaml.safe_load(self._run_helm(["show", "chart", *chart.arguments], {}))
        return str(metadata["version"])

    @contextmanager
    def _fetched(self, reference: ChartReference) -> Iterator[ChartReference]:
        """Fetch a chart whose repository wants a password, which in helm's arguments everybody could read.

        Any other one is left to the command that uses it.
        """
        if not reference.password or reference.chart.startswith("oci://"):
            yield reference
            return
        with TemporaryDirectory(prefix="helm-repository-") as name:
            folder = Path(name)
            settings = folder / "repositories.yaml"
            settings.touch(mode=0o600)
            repository = {
                "name": "given",
                "url": reference.repository,
                "username": reference.username,
                "password": reference.password,
                "caFile": reference.authority,
            }
            settings.write_text(json.dumps({"apiVersion": "", "repositories": [repository]}))
            environment = {
                "HELM_REPOSITORY_CONFIG": str(settings),
                "HELM_REPOSITORY_CACHE": str(folder / "cache"),
            }
            self._update_repository(reference, environment)
            pulled = ["pull", f"given/{reference.chart}", "--destination", name]
            if reference.version:
                pulled += ["--version", reference.version]
            self._run_helm(pulled, environment)
            (archive,) = folder.glob("*.tgz")
            yield ChartReference(str(archive))

    def _update_repository(self, reference: ChartReference, environment: Mapping[str, str]) -> None:
        """Fetch the index; raise :class:`HelmError` in the words of Helm's library."""
        said = self._run_helm(["repo", "update"], environment)
        cause = said.partition("Unable to get an update from")[2].partition("\n\t")[2].partition("\n")[0]
        if cause:
            raise HelmError(
                f'looks like "{reference.repository}" is not a valid chart repository or cannot be reached: '
                f"{cause}"
            )

    def install(
        self,
        name: str,
        namespace: str,
        reference: ChartReference,
        values: dict[str, Json],
        *,
        wait: bool,
        timeout_seconds: int,
    ) -> InstalledRelease:
        """Install a release; ``wait`` until its objects are ready or the time is over."""
        with self._fetched(reference) as chart:
            arguments = ["install", name, *chart.arguments, *_waiting(wait, timeout_seconds)]
            return self._apply(arguments, namespace, values)

    def upgrade(
        self,
        name: str,
        namespace: str,
        reference: ChartReference,
        values: dict[str, Json],
        *,
        wait: bool,
        timeout_seconds: int,
        kept_revisions: int,
    ) -> InstalledRelease:
        """Upgrade a release; of older revisions so many are kept (0: all)."""
        with self._fetched(reference) as chart:
            arguments = ["upgrade", name, *chart.arguments, *_waiting(wait, timeout_seconds)]
            arguments += ["--history-max", str(kept_revisions)]
            return self._apply(arguments, namespace, values)

    def uninstall(self, name: str, namespace: str, *, wait: bool, timeout_seconds: int) -> str:
        """Uninstall a release; returns what helm has to say besides."""
        output = self._run(["uninstall", name, *_waiting(wait, timeout_seconds)], namespace=namespace)
        return "\n".join(
            line for line in output.splitlines() if line.strip() and line != f'release "{name}" uninstalled'
        )

    def find(self, name: str, namespace: str) -> InstalledRelease | None:
        """Find the release's latest revision; ``None`` if there is no such release."""
        try:
            status = json.loads(self._run(["status", name, "--output", "json"], namespace=namespace))
            metadata = json.loads(
                self._run(["get", "metadata", name, "--output", "json"], namespace=namespace)
            )
        except HelmError as error:
            if "release: not found" in str(error):
                return None
            raise
        return _release(status, metadata)

    def cancel(self) -> None:
        """Interrupt what is running; helm marks the release as failed then."""
        with self._lock:
            for process in self._running:
                process.send_signal(signal.SIGTERM)

    def _apply(self, arguments: list[str], namespace: str, values: dict[str, Json]) -> InstalledRelease:
        output = self._run(
            [*arguments, "--values", "-", "--output", "json"], namespace=namespace, stdin=json.dumps(values)
        )
        document = json.loads(output)
        return _release(document, document["chart"]["metadata"])

    def _run(self, arguments: Sequence[str], *, namespace: str, stdin: str = "") -> str:
        """Run a command on the cluster."""
        command = [*arguments, "--namespace", namespace]
        if self._settings.context:
            command += ["--kube-context", self._settings.context]
        with self._settings.file() as kubeconfig:
            return self._run_helm(command, {"KUBECONFIG": str(kubeconfig)}, stdin)

    def _run_helm(self, arguments: Sequence[str], environment: Mapping[str, str], stdin: str = "") -> str:
        helm = shutil.which("helm")
        if helm is None:
            raise HelmError("there is no helm on PATH, which a Helm release needs: run `make up`")
        process = subprocess.Popen(
            [helm, *arguments],
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with self._lock:
            self._running.add(process)
        try:
            output, errors = process.communicate(stdin)
        finally:
            with self._lock:
                self._running.discard(process)
        if process.returncode != 0:
            raise HelmError(_error_text(errors) or f"helm ended with exit code {process.returncode}")
        return output


def _waiting(wait: bool, timeout_seconds: int) -> list[str]:
    return [*(["--wait"] if wait else []), "--timeout", f"{timeout_seconds}s"]


def _error_text(errors: str) -> str:
    """Return the error in the Helm library's words, without warnings and the command's own prefix."""
    text = errors[errors.rfind("Error: ") :] if "Error: " in errors else errors
    for prefix in ("Error: ", "INSTALLATION FAILED: ", "UPGRADE FAILED: "):
        text = text.removeprefix(prefix)
    return text.strip()


def _release(document: dict[str, Json], metadata: dict[str, Json]) -> InstalledRelease:
    info, config = document.get("info"), document.get("config")
    details = info if isinstance(info, dict) else {}
    revision = document.get("version")
    return InstalledRelease(
        name=str(document.get("name")),
        namespace=str(document.get("namespace")),
        revision=revision if isinstance(revision, int) else 0,
        status=str(details.get("status")),
        # `helm get metadata` calls the chart's name `chart`, a chart's own metadata calls it `name`.
        chart=str(metadata.get("chart") or metadata.get("name")),
        version=str(metadata.get("version")),
        app_version=str(metadata.get("appVersion") or ""),
        values=config if isinstance(config, dict) else {},
        manifest=str(document.get("manifest") or ""),
        last_deployed=datetime.fromisoformat(str(details.get("last_deployed"))),
    )
