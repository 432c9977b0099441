"""Records what the blackbox exporter shows of a real Vault and its certificate.

`python -m tests.recordings.blackbox PROGRAM`, with Debian's `prometheus-blackbox-exporter` for example.
"""

import contextlib
import datetime
import re
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import requests
import trustme
import yaml

from tests.built_tools import VAULT, built_vault
from tests.integration.free_ports import free_ports
from tests.integration.vault_servers import wait_until
from tests.recordings.expositions import Exposition, only, save_expositions

NAME = "vault-active.vault.svc"
_LONG, _SHORT = datetime.timedelta(days=90), datetime.timedelta(days=10)
_SECONDS = 10


class ProbedVault:
    """A real Vault without other servers, whose certificate can be changed while it runs."""

    def __init__(self, folder: Path) -> None:
        """Prepare it in ``folder``."""
        self.folder = folder
        self.port, self._cluster_port, self.exporter_port = free_ports(3)
        self.authority = trustme.CA()
        self.authority.cert_pem.write_to_path(folder / "ca.crt")
        self._process: subprocess.Popen[bytes] | None = None
        self._keys: tuple[str, str] = ("", "")

    @property
    def address(self) -> str:
        """URL of its API."""
        return f"https://127.0.0.1:{self.port}"

    def certify(self, valid: datetime.timedelta) -> None:
        """Give it a certificate that ends after that time, which may be in the past; reload it if it runs."""
        ends = datetime.datetime.now(datetime.UTC) + valid
        issued = self.authority.issue_cert(NAME, "127.0.0.1", not_after=ends)
        issued.private_key_pem.write_to_path(self.folder / "tls.key")
        certificate = issued.cert_chain_pems[0].bytes()
        (self.folder / "tls.crt").write_bytes(certificate)
        if self._process is not None:
            self._process.send_signal(signal.SIGHUP)
            wait_until("the certificate is served", _SECONDS, lambda: self._served() == certificate)

    def start(self) -> None:
        """Start it, and unseal it by its one share."""
        configuration = self.folder / "vault.hcl"
        lines = (
            "disable_mlock = true",
            'storage "inmem" {}',
            'listener "tcp" {',
            f'  address = "127.0.0.1:{self.port}"',
            f'  cluster_address = "127.0.0.1:{self._cluster_port}"',
            f'  tls_cert_file = "{self.folder}/tls.crt"',
            f'  tls_key_file = "{self.folder}/tls.key"',
            "}",
        )
        configuration.write_text("\n".join(lines))
        with (self.folder / "vault.log").open("wb") as log:
            self._process = subprocess.Popen(
                [built_vault(VAULT), "server", f"-config={configuration}"],
                env={"HOME": str(self.folder)},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        wait_until("Vault answers", _SECONDS * 3, self._answers)
        begun = self._put("init", secret_shares=1, secret_threshold=1)
        self._keys = begun["keys"][0], begun["root_token"]
        self.unseal()

    def unseal(self) -> None:
        """Unseal it, and wait until it serves."""
        self._put("unseal", key=self._keys[0])
        wait_until("Vault is unsealed", _SECONDS * 3, lambda: self._health() == 200)

    def seal(self) -> None:
        """Seal it."""
        self._put("seal")
        wait_until("Vault is sealed", _SECONDS, lambda: self._health() == 503)

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=_SECONDS)
            self._process = None

    def _answers(self) -> bool:
        with contextlib.suppress(requests.RequestException):
            return self._health() == 501
        return False

    def _health(self) -> int:
        verified = str(self.folder / "ca.crt")
        return requests.get(f"{self.address}/v1/sys/health", verify=verified, timeout=_SECONDS).status_code

    def _served(self) -> bytes:
        return ssl.get_server_certificate(("127.0.0.1", self.port)).encode()

    def _put(self, path: str, **body: object) -> dict[str, str]:
        answer = requests.put(
            f"{self.address}/v1/sys/{path}",
            json=body,
            headers={"X-Vault-Token": self._keys[1]},
            verify=str(self.folder / "ca.crt"),
            timeout=_SECONDS,
        )
        answer.raise_for_status()
        found: dict[str, str] = answer.json() if answer.content else {}
        return found


@contextlib.contextmanager
def running_exporter(program: Path, vault: ProbedVault) -> Iterator[None]:
    """Run the exporter with the module that docs/metrics.md has, and one that verifies nothing."""
    verified = {"ca_file": str(vault.folder / "ca.crt"), "server_name": NAME}
    modules = {
        module: {"prober": "http", "http": {"preferred_ip_protocol": "ip4", "tls_config": tls}}
        for module, tls in (("vault", verified), ("unverified", {"insecure_skip_verify": True}))
    }
    configuration = vault.folder / "blackbox.yml"
    configuration.write_text(yaml.safe_dump({"modules": modules}))
    address = f"127.0.0.1:{vault.exporter_port}"
    with (vault.folder / "exporter.log").open("wb") as log:
        process = subprocess.Popen(
            [program, f"--config.file={configuration}", f"--web.listen-address={address}"],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until("the exporter answers", _SECONDS, lambda: _responds(f"http://{address}/-/healthy"))
        yield
    finally:
        process.terminate()
        process.wait(timeout=_SECONDS)


def _responds(url: str) -> bool:
    with contextlib.suppress(requests.RequestException):
        return requests.get(url, timeout=_SECONDS).ok
    return False


def probed(vault: ProbedVault, module: str = "vault") -> Exposition:
    """Return what the exporter shows after a probe, without how long each part of it took."""
    answer = requests.get(
        f"http://127.0.0.1:{vault.exporter_port}/probe",
        params={"module": module, "target": f"{vault.address}/v1/sys/health"},
        timeout=_SECONDS * 3,
    )
    answer.raise_for_status()
    lines = only("probe_", answer.text).splitlines(keepends=True)
    return Exposition(round(time.time()), "".join(line for line in lines if "duration" not in line))


def record(program: Path, folder: Path) -> dict[str, Exposition]:
    """Return what the exporter shows of Vault in each state."""
    vault = ProbedVault(folder)
    vault.certify(_LONG)
    try:
        vault.start()
        with running_exporter(program, vault):
            found = {"served": probed(vault)}
            vault.certify(_SHORT)
            found["ending"] = probed(vault)
            vault.seal()
            found["sealed"] = probed(vault)
            vault.unseal()
            vault.certify(-datetime.timedelta(minutes=1))
            found["ended"] = probed(vault)
            found["unverified"] = probed(vault, "unverified")
            vault.certify(_LONG)
            found["replaced"] = probed(vault)
            vault.stop()
            found["down"] = probed(vault)
    finally:
        vault.stop()
    return found


def main() -> None:
    """Record it from the program that the command line names."""
    program = Path(sys.argv[1])
    result = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    version = re.search(r"version (\d+\.\d+\.\d+)", result.stdout + result.stderr)
    assert version is not None, result
    with tempfile.TemporaryDirectory() as folder:
        save_expositions(f"blackbox-exporter-{version[1]}", record(program, Path(folder)))


if __name__ == "__main__":
    main()
