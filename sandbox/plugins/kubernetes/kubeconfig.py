"""Reading a kubeconfig: which cluster its active context means, and how to log in there.

See https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/.
"""

import base64
import binascii
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

from sandbox.plugins.json_values import Json
from sandbox.plugins.provider import ProviderError

_EXEC_TIMEOUT_SECONDS = 60


class KubeconfigError(ProviderError):
    """A kubeconfig that can't be used."""


@dataclass(frozen=True)
class Credentials:
    """How to log in: a bearer token, or a client certificate with its key (PEM); all ``None``: as nobody."""

    token: str | None = None
    certificate: bytes | None = None
    key: bytes | None = None


@dataclass(frozen=True)
class ClusterSettings:
    """The provider's settings: a kubeconfig by path or contents, and the context and cluster chosen in it."""

    kubeconfig: str
    context: str | None = None
    cluster: str | None = None

    @property
    def path(self) -> Path | None:
        """The file, if the kubeconfig was given by its path."""
        if "\n" in self.kubeconfig or self.kubeconfig.lstrip().startswith("{"):
            return None
        path = Path(self.kubeconfig).expanduser()
        return path if path.is_file() else None

    @cached_property
    def document(self) -> dict[str, Json]:
        """The parsed kubeconfig; raises :class:`KubeconfigError`."""
        import yaml

        problem = "failed to parse kubeconfig data in `kubernetes:config:kubeconfig`-"
        try:
            text = self.kubeconfig if self.path is None else self.path.read_text()
            document = yaml.safe_load(text)
        except (OSError, yaml.YAMLError) as error:
            raise KubeconfigError(f"{problem} {type(error).__name__}") from error
        if not isinstance(document, dict):
            raise KubeconfigError(
                f"{problem} it is neither an existing file nor the contents of a kubeconfig"
            )
        return document

    @property
    def context_name(self) -> str:
        """The context that the program chose, or the kubeconfig's own current one."""
        return self.context or str(self.document.get("current-context") or "")

    @property
    def active_context(self) -> Mapping[str, Json]:
        """The context in use; raises :class:`KubeconfigError` if there is none of that name."""
        context = self._named("contexts", "context", self.context_name)
        if context is None:
            raise KubeconfigError(f'context "{self.context_name}" does not exist')
        return context

    @property
    def namespace(self) -> str:
        """The namespace of resources that name none."""
        return str(self.active_context.get("namespace") or "default")

    @property
    def active_cluster(self) -> Mapping[str, Json]:
        """The cluster in use; raises :class:`KubeconfigError` if there is none of that name."""
        name = self.cluster or str(self.active_context.get("cluster"))
        cluster = self._named("clusters", "cluster", name)
        if cluster is None or not cluster.get("server"):
            raise KubeconfigError(f'cluster "{name}" does not exist or has no server')
        return cluster

    @property
    def server(self) -> str:
        """The API server's URL."""
        return str(self.active_cluster["server"]).rstrip("/")

    @property
    def certificate_authority(self) -> bytes | None:
        """The authority that the API server's certificate comes from; ``None``: the system's own."""
        return self._data(self.active_cluster, "certificate-authority")

    def credentials(self) -> Credentials:
        """Log-in data of the active user, from the kubeconfig or its credential plugin."""
        user = self._named("users", "user", str(self.active_context.get("user"))) or {}
        if isinstance(command := user.get("exec"), dict):
            return _from_credential_plugin(command)
        if unsupported := user.keys() & {"auth-provider", "username", "password"}:
            raise KubeconfigError(f"the stand-in does not log in by {', '.join(sorted(unsupported))}")
        token = user.get("token")
        if token_file := user.get("tokenFile"):
            try:
                token = Path(str(token_file)).read_text().strip()
            except OSError as error:
                raise KubeconfigError(f"can't read tokenFile of the kubeconfig: {error}") from error
        return Credentials(
            token=str(token) if token else None,
            certificate=self._data(user, "client-certificate"),
            key=self._data(user, "client-key"),
        )

    @contextmanager
    def file(self) -> Iterator[Path]:
        """Provide a file with the kubeconfig: the given one, or a private one, removed afterwards."""
        if (path := self.path) is not None:
            yield path
            return
        with TemporaryDirectory(prefix="kubeconfig-") as folder:
            temporary = Path(folder) / "kubeconfig"
            temporary.touch(mode=0o600)
            temporary.write_text(self.kubeconfig)
            yield temporary

    def _named(self, kind: str, key: str, name: str) -> Mapping[str, Json] | None:
        entries = self.document.get(kind)
        for entry in entries if isinstance(entries, list) else []:
            if (
                isinstance(entry, dict)
                and entry.get("name") == name
                and isinstance(found := entry.get(key), dict)
            ):
                return found
        return None

    def _data(self, section: Mapping[str, Json], name: str) -> bytes | None:
        """Read a PEM text that is given in the kubeconfig itself or in a file beside it."""
        try:
            if inline := section.get(f"{name}-data"):
                return base64.b64decode(str(inline), validate=True)
            if file := section.get(name):
                folder = self.path.parent if self.path is not None else Path()
                return (folder / str(file)).read_bytes()
        except (OSError, binascii.Error) as error:
            raise KubeconfigError(f"can't read {name} of the kubeconfig: {error}") from error
        return None


def _from_credential_plugin(command: Mapping[str, Json]) -> Credentials:
    """Run a client-go credential plugin, as ``aws eks get-token`` is one (Kubernetes, "client-go credential
    plugins").
    """
    version = str(command.get("apiVersion"))
    arguments, variables = command.get("args"), command.get("env")
    environment = dict(os.environ)
    environment["KUBERNETES_EXEC_INFO"] = json.dumps(
        {"apiVersion": version, "kind": "ExecCredential", "spec": {"interactive": False}}
    )
    for variable in variables if isinstance(variables, list) else []:
        if isinstance(variable, dict):
            environment[str(variable.get("name"))] = str(variable.get("value"))
    name = str(command.get("command"))
    try:
        result = subprocess.run(
            [name, *(str(argument) for argument in (arguments if isinstance(arguments, list) else []))],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_EXEC_TIMEOUT_SECONDS,
            check=True,
        )
        status = json.loads(result.stdout)["status"]
    except subprocess.CalledProcessError as error:
        raise KubeconfigError(
            f"getting credentials: exec: executable {name} failed with exit code {error.returncode}: "
            f"{error.stderr.strip()}"
        ) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise KubeconfigError(f"getting credentials: exec: {error}") from error
    except (ValueError, KeyError) as error:
        raise KubeconfigError(
            f"getting credentials: exec: {name} did not answer with an ExecCredential"
        ) from error
    certificate, key = status.get("clientCertificateData"), status.get("clientKeyData")
    return Credentials(
        token=status.get("token"),
        certificate=certificate.encode() if certificate else None,
        key=key.encode() if key else None,
    )
