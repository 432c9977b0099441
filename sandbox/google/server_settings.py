"""The command line of the process that plays Google Cloud, read and written without what it needs."""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path


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


def parse_arguments(arguments: list[str]) -> ServerSettings:
    """Read the command line: one required option for each of the settings."""
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.google.server", description="Google of the sandbox"
    )
    for name, kind in ServerSettings.__annotations__.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, required=True)
    return ServerSettings(**vars(parser.parse_args(arguments)))


def command_line(settings: ServerSettings) -> list[str]:
    """The command that starts the process; the opposite of ``parse_arguments``."""
    options = [
        f"--{name.replace('_', '-')}={getattr(settings, name)}" for name in ServerSettings.__annotations__
    ]
    return [sys.executable, "-m", "sandbox.google.server", *options]
