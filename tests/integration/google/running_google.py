"""The process that plays Google Cloud as the tests see it: real host names, led to it by its proxy."""

import base64
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwt
from joserfc.jwk import RSAKey

from sandbox.certificates import CertificateAuthority, create_rsa_key_pair
from sandbox.cloud_process import command_line
from sandbox.google.accounts import Account, credentials_file
from sandbox.google.project import (
    CONTROL_PREFIX,
    DEPLOYER,
    HOST_NAMES,
    OWNER,
    PROJECT_ID,
    SERVICE_ACCOUNT_ISSUER,
    WORKLOAD_POOL,
)
from sandbox.google.server_settings import MODULE, ServerSettings
from sandbox.layout import REPOSITORY
from tests.integration.free_ports import free_ports
from tests.integration.vault_servers import VaultServer

PROJECT = f"projects/{PROJECT_ID}"
APIS = (
    "cloudkms.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "iam.googleapis.com",
    "secretmanager.googleapis.com",
)
_START_SECONDS = 30
_OPERATION_SECONDS = 10

StartVault = Callable[[Mapping[str, object]], AbstractContextManager[VaultServer]]
"""Starts a Vault whose seal is a key of Google's KMS, with a credentials file."""


@dataclass(frozen=True)
class GoogleAnswer:
    """What a REST call was answered with."""

    code: int
    body: dict[str, Any]

    @property
    def error(self) -> str:
        """An error's text; fails where it is a success."""
        assert self.code >= 400, self.body
        return str(self.body["error"]["message"])

    @property
    def result(self) -> dict[str, Any]:
        """Fails where it is an error."""
        assert self.code == 200, self.body
        return self.body


@dataclass(frozen=True)
class RunningGoogle:
    """The running process."""

    settings: ServerSettings
    folder: Path
    service_account_key: RSAKey
    """What the cluster signs the tokens of Kubernetes' service accounts with."""

    @property
    def url(self) -> str:
        """The proxy, which has the control paths too."""
        return f"http://127.0.0.1:{self.settings.loopback_port}"

    @property
    def authority(self) -> Path:
        """Certificate that its own one is proved by."""
        return self.folder / "google.crt"

    @property
    def deployer_token(self) -> str:
        """An access token of the deploying account."""
        return self.settings.deployer_token.read_text()

    @property
    def environment(self) -> Mapping[str, str]:
        """Leads a program to it."""
        return {
            "GOOGLE_APPLICATION_CREDENTIALS": str(self.settings.deployer),
            "GOOGLE_OAUTH_ACCESS_TOKEN": self.deployer_token,
            "HTTPS_PROXY": self.url,
            "NO_PROXY": "127.0.0.1,localhost",
            "REQUESTS_CA_BUNDLE": str(self.authority),
            "SSL_CERT_FILE": str(self.authority),
        }

    def led_here(self, program: Path) -> Path:
        """A command that runs a program with Google's names leading here, without a proxy.

        gRPC for Go looks a name up itself, whatever the proxy
        (https://github.com/grpc/grpc-go/issues/7556), and takes it from the hosts file; the program
        gets one of its own.
        """
        command, hosts, resolver = (self.folder / name for name in ("led-here", "hosts", "resolv.conf"))
        hosts.write_text(
            f"127.0.0.1 localhost\n{self.settings.bridge_address} {' '.join(HOST_NAMES)}\n", encoding="utf-8"
        )
        # Nobody answers there, which is quicker than a server that knows nothing.
        resolver.write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n", encoding="utf-8")
        command.write_text(
            f"#!/bin/sh\nexec unshare --mount --propagation private sh -c '\n"
            f'mount --bind "{hosts}" /etc/hosts && mount --bind "{resolver}" /etc/resolv.conf && exec "$@"\n'
            f"' sh '{program}' \"$@\"\n",
            encoding="utf-8",
        )
        command.chmod(0o755)
        return command

    def call(
        self,
        method: str,
        url: str,
        body: Mapping[str, Any] | None = None,
        *,
        token: str | None = None,
        form: Mapping[str, str] | None = None,
    ) -> GoogleAnswer:
        """One REST call, as the deployer unless a token is given; ``url`` without a scheme."""
        answer = requests.request(
            method,
            f"https://{url}",
            json=body,
            data=form,
            headers={"Authorization": f"Bearer {token or self.deployer_token}"},
            proxies={"https": self.url},
            verify=str(self.authority),
            timeout=10,
        )
        return GoogleAnswer(answer.status_code, answer.json())

    def owner_token(self, member: str = OWNER) -> str:
        """An access token of a person."""
        return str(self._control("POST", "token", {"member": member}).json()["access_token"])

    def calls(self) -> Sequence[Mapping[str, Any]]:
        """The calls since they were last forgotten."""
        return list(self._control("GET", "calls").json())

    def forget_calls(self) -> None:
        """Empties the log of calls."""
        self._control("DELETE", "calls")

    def begin_outage(self, hosts: Sequence[str], seconds: float) -> None:
        """Lets hosts answer UNAVAILABLE."""
        self._control("PUT", "outage", {"hosts": list(hosts), "seconds": seconds})

    def create_cluster(self, endpoint: str, certificate_authority: bytes) -> None:
        """Makes the GKE cluster be there."""
        encoded = base64.b64encode(certificate_authority).decode()
        self._control("PUT", "cluster", {"endpoint": endpoint, "certificate_authority": encoded})

    def workload_token(
        self, namespace: str, service_account: str, *, key: RSAKey | None = None, **claims: object
    ) -> str:
        """A token as the cluster gives one to a pod; other claims than usual can be asked for."""
        now = int(time.time())
        usual: dict[str, Any] = {
            "iss": SERVICE_ACCOUNT_ISSUER,
            "aud": [WORKLOAD_POOL],
            "sub": f"system:serviceaccount:{namespace}:{service_account}",
            "iat": now,
            "nbf": now,
            "exp": now + 3600,
        }
        return jwt.encode({"alg": "RS256"}, {**usual, **claims}, key or self.service_account_key)

    def enable_apis(self, *apis: str) -> None:
        """Those that a project doesn't have from the beginning, and returns once they are on."""
        url = f"serviceusage.googleapis.com/v1/{PROJECT}/services:batchEnable"
        self.wait_for(self.call("POST", url, {"serviceIds": list(apis or APIS)}).result)

    def wait_for(self, operation: Mapping[str, Any]) -> dict[str, Any]:
        """Waits until services are enabled or disabled; returns the operation as it ended."""
        url = f"serviceusage.googleapis.com/v1/{operation['name']}"
        return self._ended(url, operation, lambda state: state.get("done") is True)

    def wait_for_compute(self, operation: Mapping[str, Any]) -> dict[str, Any]:
        """Waits until Compute Engine has made a change; returns the operation as it ended."""
        url = str(operation["selfLink"]).replace("https://www.", "compute.")
        return self._ended(url, operation, lambda state: state["status"] == "DONE")

    def _ended(
        self, url: str, operation: Mapping[str, Any], has_ended: Callable[[dict[str, Any]], bool]
    ) -> dict[str, Any]:
        deadline, state = time.monotonic() + _OPERATION_SECONDS, dict(operation)
        while not has_ended(state):
            assert time.monotonic() < deadline, state
            time.sleep(0.05)
            state = self.call("GET", url).result
        return state

    def create_key(self, ring: str, key: str = "unseal-key") -> str:
        """A key in a ring of its own; returns the key's name."""
        location = f"{PROJECT}/locations/global"
        rings = f"cloudkms.googleapis.com/v1/{location}/keyRings"
        assert self.call("POST", f"{rings}?keyRingId={ring}", {}).code == 200
        made = self.call(
            "POST", f"{rings}/{ring}/cryptoKeys?cryptoKeyId={key}", {"purpose": "ENCRYPT_DECRYPT"}
        )
        return str(made.result["name"])

    def create_account(self, account_id: str) -> str:
        """A service account; returns its e-mail address."""
        url = f"iam.googleapis.com/v1/{PROJECT}/serviceAccounts"
        return str(self.call("POST", url, {"accountId": account_id}).result["email"])

    def key_file(self, email: str) -> dict[str, Any]:
        """A new credentials file of a service account."""
        url = f"iam.googleapis.com/v1/{PROJECT}/serviceAccounts/{email}/keys"
        encoded = self.call("POST", url, {}).result["privateKeyData"]
        credentials: dict[str, Any] = json.loads(base64.b64decode(encoded))
        return credentials

    def bind(self, url: str, bindings: Mapping[str, Sequence[str]]) -> None:
        """Replaces a resource's policy: members by role."""
        policy = {"bindings": [{"role": role, "members": list(who)} for role, who in bindings.items()]}
        assert self.call("POST", f"{url}:setIamPolicy", {"policy": policy}).code == 200

    def _control(self, method: str, path: str, body: object = None) -> requests.Response:
        answer = requests.request(method, f"{self.url}{CONTROL_PREFIX}{path}", json=body, timeout=10)
        assert answer.ok, answer.text
        return answer


@contextlib.contextmanager
def run_google(folder: Path) -> Iterator[RunningGoogle]:
    """The process on free ports of the loopback; it ends with the block."""
    authority = CertificateAuthority.load_or_create(folder, "google")
    issued = authority.issue("endpoint", HOST_NAMES[0], names=HOST_NAMES)
    create_rsa_key_pair(folder / "signing.key", folder / "signing.pub")
    account = Account(PROJECT_ID, DEPLOYER.partition("@")[0], "100000000000000000001")
    private_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    deployer = credentials_file(account, "0123456789abcdef", private_key)
    (folder / "deployer.json").write_text(json.dumps(deployer), encoding="utf-8")
    (folder / "deployer.token").write_text("ya29.of-the-deployer", encoding="utf-8")
    # The port is Google's own, so it is the address that must be nobody else's.
    ports = free_ports(2)
    settings = ServerSettings(
        loopback_port=ports[0],
        bridge_address=f"127.77.{ports[1] >> 8}.{ports[1] & 255 or 1}",
        bridge_port=443,
        metadata_port=ports[1],
        certificate=issued.certificate,
        key=issued.key,
        deployer=folder / "deployer.json",
        deployer_token=folder / "deployer.token",
        service_account_public_key=folder / "signing.pub",
        sandbox=folder / "no-cluster",
    )
    signing_key = RSAKey.import_key((folder / "signing.key").read_bytes())
    with (folder / "google.log").open("wb") as log:
        process = subprocess.Popen(
            command_line(MODULE, settings),
            cwd=REPOSITORY,
            env={"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        running = RunningGoogle(settings, folder, signing_key)
        _wait_until_answering(running, process)
        yield running
    finally:
        process.terminate()
        process.wait(timeout=10)


def _wait_until_answering(running: RunningGoogle, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            answer = requests.get(f"{running.url}{CONTROL_PREFIX}health", timeout=1)
        except requests.ConnectionError:
            assert process.poll() is None, (running.folder / "google.log").read_text()
            assert time.monotonic() < deadline, "it doesn't answer"
            time.sleep(0.05)
        else:
            assert answer.status_code == 204
            return
