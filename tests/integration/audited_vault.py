"""Real Vault servers, each with an audit volume of its own at the path that it has in a pod."""

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.vault.server_watch import watch_values
from tests.integration.vault_servers import AUDIT_FOLDER, VaultServer, VaultServers
from tests.unit.fakes.stack_settings import EKS, parse


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


@contextlib.contextmanager
def rotating(server: VaultServer, folder: Path, *, size: int) -> Iterator[Callable[[], list[Path]]]:
    """Run the script that rotates the log beside a server, with its paths, port and process.

    Yields a function that returns the rotated files.
    """
    settings = parse({**EKS, "audit": {"devices": ["file", "stdout"], "rotate": {"size": str(size)}}})
    shell, option, script, name = watch_values(settings)["postStart"]
    replaced = {
        "/vault/audit/": f"{server.folder}/audit/",
        "df -Pk /vault/audit": f"df -Pk {server.folder}/audit",
        "/proc/[0-9]*": f"/proc/{server.process_id}",
        # The command line begins with the program's path here.
        "'vault server '*)": "*'vault'*' server '*)",
        ":2008 ": f":{server.port:04X} ",
        "sleep 10": "sleep 0.1",
        "/proc/1/fd/1": str(folder / "said"),
        # Several rotations are in a second here.
        "%Y%m%dT%H%M%SZ": "%Y%m%dT%H%M%S.%NZ",
    }
    for old, new in replaced.items():
        assert old in script, old
        script = script.replace(old, new)
    (folder / "said").touch()
    process = subprocess.Popen([shell, option, script, name], start_new_session=True)
    try:
        yield lambda: list((server.folder / "audit").glob("audit-*Z.log*"))
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    said = (folder / "said").read_text()
    assert "goes on in a new file" in said
    assert '"request"' not in said
