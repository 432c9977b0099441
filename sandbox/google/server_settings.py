"""The settings of the process that plays Google Cloud, without what the process needs."""

from dataclasses import dataclass
from pathlib import Path

MODULE = "sandbox.google.server"


@dataclass(frozen=True)
class ServerSettings:
    """Where the process listens, and the files it reads.

    ``deployer`` is the credentials file of the deploying service account, ``deployer_token`` a file with an
    access token of that account. ``sandbox`` is the home of the sandbox whose cluster the pods are in, which
    need not run before a pod does.
    """

    loopback_port: int
    bridge_address: str
    bridge_port: int
    metadata_port: int
    certificate: Path
    key: Path
    deployer: Path
    deployer_token: Path
    service_account_public_key: Path
    sandbox: Path
