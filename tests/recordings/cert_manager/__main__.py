"""Builds cert-manager's controllers, and records what they show of certificates."""

import contextlib
import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import requests

from components.certificate_request import certificate_specification
from components.settings.tls import Issuer
from components.tls.server_names import ServerNames
from tests.integration.control_plane import ControlPlane, run_control_plane
from tests.integration.free_ports import free_ports
from tests.recordings.expositions import Exposition, only, save_expositions

SOURCE = Path(__file__).parent
MODULE = "github.com/cert-manager/cert-manager"
SECRET = "vault-server-tls"
NAMESPACE = "vault"
BRIEF = "brief"
"""Namespace of a certificate that lives for minutes, so that its renewal and its end can be recorded."""
_BRIEF_LIFE, _BRIEF_RENEWAL = 120, 60
_SECONDS = 60


@dataclass(frozen=True)
class CertManager:
    """The controllers, which run against a control plane."""

    plane: ControlPlane
    port: int

    def create(self, kind: str, namespace: str, name: str, specification: dict[str, Any]) -> None:
        """Create one of cert-manager's objects."""
        document = {
            "apiVersion": "cert-manager.io/v1",
            "kind": kind,
            "metadata": {"name": name, "namespace": namespace},
            "spec": specification,
        }
        self.plane.kubectl("create", "--filename=-", stdin=json.dumps(document))

    def shown(self) -> Exposition:
        """Return what the controllers show of certificates now."""
        answer = requests.get(f"http://127.0.0.1:{self.port}/metrics", timeout=10)
        answer.raise_for_status()
        text = only("certmanager_certificate_", answer.text) + only("certmanager_clock_", answer.text)
        return Exposition(round(time.time()), text)

    def value(self, metric: str, namespace: str, **labels: str) -> float | None:
        """Return the value of a certificate's metric; None before there is one."""
        wanted = {"namespace": namespace, **labels}
        for line in self.shown().text.splitlines():
            name, _, rest = line.partition("{")
            if name == f"certmanager_certificate_{metric}" and all(
                f'{label}="{text}"' in rest for label, text in wanted.items()
            ):
                return float(line.split()[-1])
        return None

    def ends(self, namespace: str) -> float:
        """Return the end of the certificate in a namespace, as it is shown."""
        return self.value("expiration_timestamp_seconds", namespace) or 0

    def is_ready(self, namespace: str) -> bool:
        """Whether the certificate in a namespace is shown as ready."""
        return self.value("ready_status", namespace, condition="True") == 1


def built(program: Path) -> str:
    """Build the controllers, and return their version."""
    subprocess.run(["go", "build", "-trimpath", "-o", program, "."], cwd=SOURCE, check=True)
    return _of_module("{{.Version}}").removeprefix("v")


def _of_module(template: str) -> str:
    command = ["go", "list", "-m", "-f", template, MODULE]
    return subprocess.run(command, cwd=SOURCE, check=True, capture_output=True, text=True).stdout.strip()


@contextlib.contextmanager
def running_cert_manager(program: Path, folder: Path) -> Iterator[CertManager]:
    """Run the controllers, with cert-manager's own definitions, as long as the block lasts."""
    (port,) = free_ports(1)
    with run_control_plane(folder) as plane:
        definitions = Path(_of_module("{{.Dir}}")) / "deploy" / "crds"
        files = [f"--filename={file}" for file in sorted(definitions.glob("*.yaml"))]
        plane.kubectl("create", *files)
        plane.kubectl("wait", "crd", "--all", "--for=condition=Established", "--timeout=60s")
        for namespace in (NAMESPACE, BRIEF):
            plane.kubectl("create", "namespace", namespace)
        with (folder / "cert-manager.log").open("wb") as log:
            process = subprocess.Popen(
                [program, f"-kubeconfig={plane.kubeconfig}", f"-metrics=127.0.0.1:{port}"],
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            manager = CertManager(plane, port)
            poll("cert-manager answers", _SECONDS, lambda: _answers(manager))
            yield manager
        finally:
            process.terminate()
            process.wait(timeout=30)


def _answers(manager: CertManager) -> bool:
    with contextlib.suppress(requests.RequestException):
        return bool(manager.shown().text)
    return False


def poll(what: str, seconds: float, condition: Callable[[], bool]) -> None:
    """Look once a second until the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(1)


def record(manager: CertManager) -> dict[str, Exposition]:
    """Return what is shown in each state: of the stack's Certificate, and of one that lives for minutes."""
    names = ServerNames("vault", NAMESPACE, 3, highly_available=True, injector=True).all
    issuer = Issuer("internal", "Issuer", "cert-manager.io")
    specification = certificate_specification(SECRET, names, issuer, 90)
    manager.create("Certificate", NAMESPACE, SECRET, specification)
    poll("the Certificate is shown", _SECONDS, lambda: manager.value("ready_status", NAMESPACE) is not None)
    time.sleep(5)
    found = {"pending": manager.shown()}

    for namespace in (NAMESPACE, BRIEF):
        manager.create("Issuer", namespace, issuer.name, {"selfSigned": {}})
    brief = {
        **specification,
        "duration": f"{_BRIEF_LIFE}s",
        "renewBefore": f"{_BRIEF_RENEWAL}s",
    }
    manager.create("Certificate", BRIEF, SECRET, brief)
    for namespace in (NAMESPACE, BRIEF):
        poll(f"{namespace} is ready", _SECONDS * 2, partial(manager.is_ready, namespace))
    found["issued"] = manager.shown()

    first = manager.ends(BRIEF)
    poll("it is renewed", _BRIEF_LIFE, lambda: manager.ends(BRIEF) > first)
    found["renewed"] = manager.shown()

    manager.plane.kubectl("delete", "issuer.cert-manager.io", issuer.name, f"--namespace={BRIEF}")
    last = manager.ends(BRIEF)
    poll("it should have been renewed", _BRIEF_LIFE, lambda: time.time() > last - _BRIEF_RENEWAL / 2)
    found["unrenewed"] = manager.shown()
    poll("it has ended", _BRIEF_LIFE, lambda: time.time() > last + 5)
    # It may be shown as ready still, as nothing has happened that the controllers watch.
    found["ended"] = manager.shown()
    assert manager.ends(BRIEF) == last
    return found


def main() -> None:
    """Build and record it."""
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        version = built(folder / "cert-manager")
        with running_cert_manager(folder / "cert-manager", folder) as manager:
            save_expositions(f"cert-manager-{version}", record(manager))


if __name__ == "__main__":
    main()
