"""The command line of the process that plays AWS, read and written without loading what the process needs."""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path


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
    endpoint_certificate: Path
    endpoint_key: Path
    webhook_certificate: Path
    webhook_key: Path
    operator_credentials: Path
    service_account_public_key: Path
    kubeconfig: Path


def parse_arguments(arguments: list[str]) -> ServerSettings:
    """Read the command line: one required option for each of the settings."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.aws.server", description="AWS of the sandbox")
    for name, kind in ServerSettings.__annotations__.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, required=True)
    return ServerSettings(**vars(parser.parse_args(arguments)))


def command_line(settings: ServerSettings) -> list[str]:
    """The command that starts the process; the opposite of ``parse_arguments``."""
    options = [
        f"--{name.replace('_', '-')}={getattr(settings, name)}" for name in ServerSettings.__annotations__
    ]
    return [sys.executable, "-m", "sandbox.aws.server", *options]
