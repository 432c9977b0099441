"""Starts and stops the process that plays AWS."""

import json
import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sandbox import processes
from sandbox.aws.account import CONTROL_PREFIX, POD_HOST_NAMES
from sandbox.aws.server_settings import MODULE, ServerSettings
from sandbox.certificates import CertificateAuthority
from sandbox.cloud_process import answers, command_line, write_private
from sandbox.layout import REPOSITORY, Layout
from sandbox.network import (
    AWS_BRIDGE_PORT,
    AWS_LOOPBACK_PORT,
    BRIDGE_ADDRESS,
    POD_IDENTITY_AGENT_PORT,
    POD_IDENTITY_WEBHOOK_PORT,
    REGION,
)

PROCESS = "aws"
OPERATOR_ACCESS_KEY_ID = "AKIAVAULTSANDBOX0001"
START_SECONDS = 30.0


@dataclass(frozen=True)
class AwsEndpoint:
    """AWS as the host sees it.

    ``environment`` is what an AWS SDK on the host needs: the endpoint, the operator's access key and the
    region.
    """

    url: str
    environment: Mapping[str, str] = field(repr=False)


def start_aws(
    layout: Layout, *, cloud_authority: CertificateAuthority, service_account_public_key: Path
) -> AwsEndpoint:
    """Start AWS, or find it running, and return once it answers.

    ``cloud_authority`` issues the certificates that pods and the API server see;
    ``service_account_public_key`` (PEM) verifies pods' tokens. The operator's secret is made anew for each
    run and kept, mode 0600, in ``layout.run``. Raises SandboxError with the end of the process's log if
    it does not answer within thirty seconds.
    """
    credentials = layout.run / "aws" / "operator.json"
    if not processes.running(layout, PROCESS):
        _write_operator_credentials(credentials)
        endpoints = cloud_authority.issue("aws-endpoints", POD_HOST_NAMES[0], names=POD_HOST_NAMES)
        webhook = cloud_authority.issue(
            "pod-identity-webhook", "pod-identity-webhook", addresses=[BRIDGE_ADDRESS]
        )
        settings = ServerSettings(
            loopback_port=AWS_LOOPBACK_PORT,
            bridge_address=BRIDGE_ADDRESS,
            bridge_port=AWS_BRIDGE_PORT,
            webhook_port=POD_IDENTITY_WEBHOOK_PORT,
            agent_port=POD_IDENTITY_AGENT_PORT,
            endpoint_certificate=endpoints.certificate,
            endpoint_key=endpoints.key,
            webhook_certificate=webhook.certificate,
            webhook_key=webhook.key,
            operator_credentials=credentials,
            service_account_public_key=service_account_public_key,
            kubeconfig=layout.kubeconfig,
        )
        processes.start(layout, PROCESS, command_line(MODULE, settings), cwd=REPOSITORY)
    endpoint = _endpoint(credentials)
    processes.wait_until_serving(
        layout,
        PROCESS,
        START_SECONDS,
        lambda: answers(f"{endpoint.url}{CONTROL_PREFIX}health"),
        description=f"AWS answers at {endpoint.url}",
    )
    return endpoint


def stop_aws(layout: Layout) -> None:
    """End AWS; everything in it is gone."""
    processes.stop(layout, PROCESS)


def host_records() -> Mapping[str, str]:
    """Return the names of AWS's that pods must resolve, and the address that answers for them."""
    return dict.fromkeys(POD_HOST_NAMES, BRIDGE_ADDRESS)


def _endpoint(credentials: Path) -> AwsEndpoint:
    url = f"http://127.0.0.1:{AWS_LOOPBACK_PORT}"
    operator = json.loads(credentials.read_text())
    environment = {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": str(operator["access_key_id"]),
        "AWS_SECRET_ACCESS_KEY": str(operator["secret_access_key"]),
        "AWS_REGION": REGION,
    }
    return AwsEndpoint(url, environment)


def _write_operator_credentials(path: Path) -> None:
    secret = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(40))
    write_private(path, json.dumps({"access_key_id": OPERATOR_ACCESS_KEY_ID, "secret_access_key": secret}))
