"""Runs kubectl as a subprocess, for the dynamic providers' calls of the Kubernetes API."""

import contextlib
import json
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.errors import DeploymentError
from components.kubernetes.process_group import signal_group, started
from components.time_limit import TimeLimit

_LAST_OUTPUT_SECONDS = 3
_LINES_PER_OWN_LINE = 50
_AUDIT_ENTRY = re.compile(r'\{.*"request":\{')
"""An entry of Vault's audit log, which has the requests of Vault's users (their secrets as HMACs)."""

OWNER_LABEL, OWNER = "app.kubernetes.io/managed-by", "vault-autounseal"
"""Label of the objects that the program creates outside Pulumi, to tell them from others of the same name."""


_PASSING_REASONS = ("InternalError", "ServerTimeout", "ServiceUnavailable", "Timeout", "TooManyRequests")
_UNREACHABLE = re.compile(
    r"[Uu]nable to connect to the server|The connection to the server .* was refused|took longer than"
    r"|etcdserver: |connection refused|connection reset|connection lost|i/o timeout|TLS handshake timeout"
    r"|deadline exceeded|unexpected EOF"
)
"""kubectl's messages if the API server is unreachable or can't answer now."""


class KubectlError(DeploymentError):
    """kubectl failed; the message holds its error output."""

    @property
    def reason(self) -> str:
        """The API server's reason, such as ``NotFound`` or ``Conflict``; empty if it gave none."""
        found = re.search(r"Error from server \((\w+)\)", str(self))
        return found[1] if found else ""

    @property
    def passing(self) -> bool:
        """Whether the API server is unreachable or can't answer now, so that a retry may help."""
        return self.reason in _PASSING_REASONS or _UNREACHABLE.search(str(self)) is not None


@dataclass(frozen=True)
class KubernetesTarget:
    """A cluster, a context and a namespace; part of the inputs of the dynamic resources."""

    kubeconfig: str
    """Path or JSON (without a credential) of a kubeconfig; empty for KUBECONFIG or the user's own."""
    context: str
    namespace: str

    def to_properties(self) -> dict[str, str]:
        """Return the target as a resource's property."""
        return {"kubeconfig": self.kubeconfig, "context": self.context, "namespace": self.namespace}

    def command_of_person(self) -> Sequence[str]:
        """Return how a person calls kubectl here; only the program has a kubeconfig that isn't a file."""
        if self.kubeconfig.startswith("{"):
            return ["kubectl", f"--namespace={self.namespace}"]
        options = [f"--context={self.context}", f"--namespace={self.namespace}"]
        if self.kubeconfig:
            options.append(f"--kubeconfig={Path(self.kubeconfig).expanduser()}")
        return ["kubectl", *options]

    @staticmethod
    def from_properties(properties: Mapping[str, Any]) -> "KubernetesTarget":
        """Return the target that a resource's property holds."""
        return KubernetesTarget(
            kubeconfig=str(properties["kubeconfig"]),
            context=str(properties["context"]),
            namespace=str(properties["namespace"]),
        )


def require_command(name: str, purpose: str) -> None:
    """Raise :class:`DeploymentError` if a command isn't on PATH."""
    if shutil.which(name) is None:
        raise DeploymentError(f"The command {name!r} isn't on PATH: {purpose}.")


class Kubectl:
    """Runs kubectl against one target, never against the current context."""

    def __init__(self, target: KubernetesTarget, limit: TimeLimit | None = None) -> None:
        self._target = target
        self._limit = limit

    def require_reachable(self) -> None:
        """Raise :class:`DeploymentError` if the API server doesn't answer."""
        try:
            self.run(["get", "--raw", "/version", "--request-timeout=10s"])
        except KubectlError as error:
            raise DeploymentError(
                f"The Kubernetes cluster behind context {self._target.context!r} doesn't answer: {error}\n"
                "Check that it runs, that this machine reaches it, and that the credentials are valid."
            ) from None

    def pod(self, name: str) -> Mapping[str, Any] | None:
        """Return the pod of that name; None if there is none."""
        return self.get("pod", name)

    def get(self, kind: str, name: str) -> Mapping[str, Any] | None:
        """Return the object of that kind and name; None if there is none."""
        text = self.run(["get", kind, name, "--ignore-not-found", "--output=json"])
        if not text.strip():
            return None
        found: Mapping[str, Any] = json.loads(text)
        return found

    def create(self, document: Mapping[str, Any]) -> Mapping[str, Any]:
        """Create an object, and return it as the API server stored it.

        The object is passed on standard input, so nothing of it is on a command line. Raises
        :class:`KubectlError` with the reason ``AlreadyExists`` if its name is taken.
        """
        return self._send("create", document)

    def replace(self, document: Mapping[str, Any]) -> Mapping[str, Any]:
        """Replace the object of the same name, and return the new one.

        If its metadata has a ``resourceVersion``, only that version is replaced: raises :class:`KubectlError`
        with the reason ``Conflict`` if the object has changed since.
        """
        return self._send("replace", document)

    def delete_secret(self, name: str, *, uid: str, resource_version: str) -> None:
        """Delete one version of a Secret.

        Raises :class:`KubectlError` with the reason ``Conflict`` if it has changed since, and ``NotFound`` if
        it is gone.
        """
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": uid, "resourceVersion": resource_version},
        }
        path = f"/api/v1/namespaces/{self._target.namespace}/secrets/{name}"
        self.run(["delete", "--raw", path, "--filename=-"], stdin=json.dumps(options))

    def service_account_token(
        self, service_account: str, *, audience: str, seconds: int, pod: str | None = None
    ) -> str:
        """Create a token of a service account, like those of its pods; secret, kept in memory only.

        ``seconds`` is how long it is valid, at least 600. With ``pod`` it names that pod, which has to have
        this service account, and is valid for as long as the pod exists.
        """
        spec: dict[str, Any] = {"audiences": [audience], "expirationSeconds": seconds}
        if pod is not None:
            spec["boundObjectRef"] = {"apiVersion": "v1", "kind": "Pod", "name": pod}
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        path = f"/api/v1/namespaces/{self._target.namespace}/serviceaccounts/{service_account}/token"
        # Not "kubectl create token", which leaves the API server's reason out of its errors.
        answer = self.run(["create", "--raw", path, "--filename=-"], stdin=json.dumps(request))
        return str(json.loads(answer)["status"]["token"])

    def _send(self, verb: str, document: Mapping[str, Any]) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = json.loads(
            self.run([verb, "--filename=-", "--output=json"], stdin=json.dumps(document))
        )
        return answer

    def log_tail(self, pod: str, *, lines: int = 15, container: str = "vault") -> str:
        """Return the container's last log lines; those of its predecessor if it has only just started.

        Entries of Vault's audit log, which may be most of what it writes there, are left out.
        """
        # Vault's own lines are few among them.
        read = lines * _LINES_PER_OWN_LINE if container == "vault" else lines
        arguments = ["logs", pod, f"--container={container}", f"--tail={read}"]
        for previous in ((), ("--previous",)):
            try:
                text = self.run([*arguments, *previous]).strip()
            except KubectlError:
                continue
            if text:
                shown = [line for line in text.splitlines() if not _AUDIT_ENTRY.match(line)]
                return "\n".join(shown[-lines:]) or "(nothing but entries of the audit log)"
        return "(no log yet)"

    def run(self, arguments: Sequence[str], *, stdin: str | None = None, timeout_seconds: float = 30) -> str:
        """Return kubectl's output; raise :class:`KubectlError` if it fails or takes too long.

        Bytes of the output that aren't UTF-8, as in a pod's log, are replaced.
        """
        require_command("kubectl", "it reaches Vault's pods; see kubernetes.io/docs/tasks/tools")
        if self._limit is not None:
            timeout_seconds = self._limit.seconds(timeout_seconds)
        given = stdin.encode() if stdin is not None else None
        with (
            self.command(arguments) as command,
            started(command, stdin=subprocess.DEVNULL if given is None else subprocess.PIPE) as process,
        ):
            try:
                output, errors = _communicated(process, given, timeout_seconds)
            except subprocess.TimeoutExpired:
                raise KubectlError(
                    f"kubectl {arguments[0]} took longer than {timeout_seconds:.0f} s"
                ) from None
        if process.returncode != 0:
            said = errors.decode(errors="replace").strip()
            raise KubectlError(said or f"kubectl {arguments[0]} ended with {process.returncode}")
        return output.decode(errors="replace")

    @contextlib.contextmanager
    def command(self, arguments: Sequence[str]) -> Iterator[list[str]]:
        """Yield the command line; meanwhile a kubeconfig given as JSON is in a file of mode 0600."""
        target = self._target
        options = [f"--context={target.context}", f"--namespace={target.namespace}"]
        if not target.kubeconfig.startswith("{"):
            if target.kubeconfig:
                options.append(f"--kubeconfig={Path(target.kubeconfig).expanduser()}")
            yield ["kubectl", *options, *arguments]
            return
        with tempfile.NamedTemporaryFile("w", prefix="kubeconfig-", suffix=".json") as file:
            file.write(target.kubeconfig)
            file.flush()
            yield ["kubectl", *options, f"--kubeconfig={file.name}", *arguments]


def _communicated(
    process: "subprocess.Popen[bytes]", given: bytes | None, timeout_seconds: float
) -> tuple[bytes, bytes]:
    """Return the whole output and error output; raise :class:`subprocess.TimeoutExpired`."""
    try:
        return process.communicate(given, timeout=timeout_seconds)
    except subprocess.TimeoutExpired:
        # kubectl may have ended, and a program that it ran holds its output open.
        signal_group(process, signal.SIGKILL)
        answer = process.communicate(timeout=_LAST_OUTPUT_SECONDS)
        if process.returncode == -signal.SIGKILL:
            raise
        return answer
