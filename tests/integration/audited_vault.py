"""Real Vault servers, each with an audit volume of its own at the path that it has in a pod."""

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.integration.vault_servers import AUDIT_FOLDER, VaultServer, VaultServers


def with_audit_volumes(program: Path, folder: Path) -> Path:
    """Return a program that runs Vault with the folder `audit` of its server as its audit volume.

    Its mounts are its own, as those of a container are. With a file `lost` beside the folder the volume is
    missing, and nothing can be written in its place.
    """
    script = folder / "vault-with-audit-volume"
    inner = (
        f"mount -t tmpfs -o mode=755 none /vault && mkdir {AUDIT_FOLDER} && "
        f'if [ -e "$HOME/lost" ]; then rmdir {AUDIT_FOLDER}; mount -o remount,ro /vault; '
        f'else mount --bind "$HOME/audit" {AUDIT_FOLDER}; fi && '
        f'exec {program} "$@"'
    )
    script.write_text(f"#!/bin/sh\nmkdir -p /vault\nexec unshare --mount /bin/sh -c '{inner}' vault \"$@\"\n")
    script.chmod(0o755)
    return script


def log_file(server: VaultServer) -> Path:
    """Return the audit log on a server's volume."""
    return server.folder / "audit" / "audit.log"


def entries(text: str) -> list[Mapping[str, Any]]:
    """Return the audit entries among the lines of a log."""
    found = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return [entry for entry in found if "request" in entry]


def leader(servers: VaultServers) -> VaultServer:
    """Return the server that leads."""
    (active,) = [server for server in servers.servers if server.is_active()]
    return active


@dataclass(frozen=True)
class Volume:
    """An audit volume of limited size."""

    folder: Path

    def fill(self) -> None:
        """Use up every byte."""
        with contextlib.suppress(OSError), (self.folder / "filler").open("wb", buffering=0) as file:
            while file.write(b"\0" * 4096):
                pass

    def make_room(self) -> None:
        """Delete what :meth:`fill` has written."""
        (self.folder / "filler").unlink()


@contextlib.contextmanager
def limited_volume(folder: Path, size: str) -> Iterator[Volume]:
    """Mount a file system of that size; servers that start later have it as their volume."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", folder], check=True)
    try:
        yield Volume(folder)
    finally:
        subprocess.run(["umount", "--lazy", os.fspath(folder)], check=True)
