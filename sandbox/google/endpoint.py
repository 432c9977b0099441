"""Starts and stops the process that plays Google Cloud."""

import base64
import json
import secrets
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa

from sandbox import processes
from sandbox.build.pinned_tools import KUBERNETES
from sandbox.certificates import CertificateAuthority
from sandbox.cloud_process import DIRECT, answers, command_line, write_private
from sandbox.errors import SandboxError
from sandbox.google.accounts import Account, credentials_file
from sandbox.google.project import (
    CONTROL_PREFIX,
    DEPLOYER,
    HOST_NAMES,
    METADATA_ADDRESS,
    METADATA_HOST,
    PREREQUISITES,
    PROJECT_ID,
    ClusterFacts,
)
from sandbox.google.server_settings import MODULE, ServerSettings
from sandbox.layout import REPOSITORY, Layout
from sandbox.network import (
    BRIDGE_ADDRESS,
    GOOGLE_BRIDGE_PORT,
    GOOGLE_LOOPBACK_PORT,
    METADATA_SERVER_PORT,
    SERVICE_CIDR,
)

PROCESS = "google"
START_SECONDS = 30.0
_NO_PROXY = ("127.0.0.1", "localhost", BRIDGE_ADDRESS, SERVICE_CIDR)


@dataclass(frozen=True)
class GoogleEndpoint:
    """Google Cloud as the host sees it.

    ``environment`` leads what runs with it to the sandbox's Google: by a proxy, under Google's own names.
    """

    control_url: str
    environment: Mapping[str, str] = field(repr=False)


def start_google(
    layout: Layout,
    *,
    cloud_authority: CertificateAuthority,
    service_account_public_key: Path,
    direct_hosts: Sequence[str] = (),
) -> GoogleEndpoint:
    """Start Google Cloud, or find it running, and return once it answers.

    ``cloud_authority`` issues the certificate that everyone sees; ``service_account_public_key`` (PEM)
    verifies pods' tokens. ``direct_hosts`` are reached past the proxy. The deployer's key and token are made
    anew for each run and kept, mode 0600, in ``layout.run``. Raises SandboxError with the end of the
    process's log if it does not answer within thirty seconds.
    """
    folder = layout.run / PROCESS
    deployer, token = folder / "deployer.json", folder / "deployer.token"
    if not processes.running(layout, PROCESS):
        write_private(deployer, json.dumps(_new_deployer(), indent=2))
        write_private(token, f"ya29.{secrets.token_urlsafe(48)}")
        certificate = cloud_authority.issue("google-endpoints", HOST_NAMES[0], names=HOST_NAMES)
        _write_authorities(folder / "authorities.pem", cloud_authority)
        settings = ServerSettings(
            loopback_port=GOOGLE_LOOPBACK_PORT,
            bridge_address=BRIDGE_ADDRESS,
            bridge_port=GOOGLE_BRIDGE_PORT,
            metadata_port=METADATA_SERVER_PORT,
            certificate=certificate.certificate,
            key=certificate.key,
            deployer=deployer,
            deployer_token=token,
            service_account_public_key=service_account_public_key,
            sandbox=layout.home,
        )
        processes.start(layout, PROCESS, command_line(MODULE, settings), cwd=REPOSITORY)
    url = f"http://127.0.0.1:{GOOGLE_LOOPBACK_PORT}"
    authorities = str(folder / "authorities.pem")
    environment = {
        "GOOGLE_APPLICATION_CREDENTIALS": str(deployer),
        "GOOGLE_OAUTH_ACCESS_TOKEN": token.read_text(encoding="utf-8"),
        "HTTPS_PROXY": url,
        "NO_PROXY": ",".join((*_NO_PROXY, *direct_hosts)),
        "REQUESTS_CA_BUNDLE": authorities,
        "SSL_CERT_FILE": authorities,
    }
    processes.wait_until_serving(
        layout,
        PROCESS,
        START_SECONDS,
        lambda: answers(f"{url}{CONTROL_PREFIX}health"),
        description=f"Google Cloud answers at {url}",
    )
    return GoogleEndpoint(url, environment)


def enable_prerequisites(endpoint: GoogleEndpoint) -> None:
    """Enable the APIs that have to be on before the program runs, as docs/gke.md says. Idempotent.

    Returns before they are on, which takes less than a second. Raises SandboxError if Google refuses it.
    """
    environment = endpoint.environment
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({"https": environment["HTTPS_PROXY"]}),
        urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=environment["SSL_CERT_FILE"])),
    )
    request = urllib.request.Request(
        f"https://serviceusage.googleapis.com/v1/projects/{PROJECT_ID}/services:batchEnable",
        data=json.dumps({"serviceIds": PREREQUISITES}).encode(),
        headers={
            "Authorization": f"Bearer {environment['GOOGLE_OAUTH_ACCESS_TOKEN']}",
            "Content-Type": "application/json",
        },
        method="POST",
    )
    try:
        with opener.open(request, timeout=10.0):
            return
    except urllib.error.HTTPError as error:
        raise SandboxError(f"{PREREQUISITES} can't be enabled: {error.read().decode().strip()}") from error


def stop_google(layout: Layout) -> None:
    """End Google Cloud; everything in it is gone."""
    processes.stop(layout, PROCESS)


def host_records() -> Mapping[str, str]:
    """Google's names that pods must resolve, and the addresses that answer for them."""
    return {**dict.fromkeys(HOST_NAMES, BRIDGE_ADDRESS), METADATA_HOST: METADATA_ADDRESS}


def seed_cluster(
    endpoint: GoogleEndpoint,
    *,
    api_server: str,
    cluster_certificate_authority: bytes,
    kubernetes: str = KUBERNETES,
) -> None:
    """Register the GKE cluster. Idempotent.

    ``api_server`` is host and port; ``cluster_certificate_authority`` the PEM certificate that signed the API
    server's, ``kubernetes`` its version. Raises SandboxError if the process that plays Google refuses it.
    """
    facts = ClusterFacts(
        endpoint=api_server,
        certificate_authority=base64.b64encode(cluster_certificate_authority).decode(),
        kubernetes=kubernetes,
    )
    request = urllib.request.Request(  # noqa: S310 loopback
        f"{endpoint.control_url}{CONTROL_PREFIX}cluster",
        data=json.dumps(asdict(facts)).encode(),
        method="PUT",
    )
    try:
        with DIRECT.open(request, timeout=10.0):
            return
    except urllib.error.HTTPError as error:
        raise SandboxError(f"the GKE cluster was not made: {error.read().decode().strip()}") from error


def _new_deployer() -> Mapping[str, object]:
    unique_id = "1" + "".join(secrets.choice("0123456789") for _ in range(20))
    account = Account(PROJECT_ID, DEPLOYER.partition("@")[0], unique_id)
    private_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return credentials_file(account, secrets.token_hex(20), private_key)


def _write_authorities(path: Path, cloud_authority: CertificateAuthority) -> None:
    """Write the machine's own authorities and the sandbox's as one file: some programs take just one."""
    system = ssl.get_default_verify_paths().cafile
    contents = Path(system).read_bytes() if system else b""
    path.write_bytes(contents + b"\n" + cloud_authority.certificate.read_bytes())
