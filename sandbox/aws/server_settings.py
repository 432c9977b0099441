"""The settings of the process that plays AWS, without what the process needs."""

from dataclasses import dataclass
from pathlib import Path

MODULE = "sandbox.aws.server"


@dataclass(frozen=True)
class ServerSettings:
    """Where the process listens, and the files it reads.

    ``operator_credentials`` is a JSON file with ``access_key_id`` and ``secret_access_key``. ``kubeconfig``
    need not exist before a pod does.
    """

    loopback_port: int
    bridge_address: str
    bridge_port: int
    webhook_port: int
    agent_port: int
    endpoint_certificate: Path
    endpoint_key: Path
    webhook_certificate: Path
    webhook_key: Path
    operator_credentials: Path
    service_account_public_key: Path
    kubeconfig: Path
