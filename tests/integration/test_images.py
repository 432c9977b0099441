"""The images, imported and run by a containerd that lives for the test."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.build.images import make_images
from sandbox.charts import ChartImage
from sandbox.layout import Layout
from tests.built_tools import built_tools

VAULT = "docker.io/hashicorp/vault:1.21.2"
OLDER_VAULT = "docker.io/hashicorp/vault:1.18.1"
RCLONE = "docker.io/rclone/rclone:1.72.0"
CONFIGURATION = """
version = 2
root = "{folder}/root"
state = "{folder}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
[grpc]
  address = "{folder}/socket"
"""


class Containerd:
    """A running containerd with the sandbox's images in it."""

    def __init__(self, folder: Path) -> None:
        self._ctr = ("ctr", f"--address={folder / 'socket'}", "--namespace=test")
        self._containers = 0

    def ctr(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self._ctr, *arguments], capture_output=True, text=True, check=False, timeout=120
        )

    def run(self, image: str, *command: str, environment: str = "") -> subprocess.CompletedProcess[str]:
        """Runs a command in a container of the image, without a network."""
        self._containers += 1
        flags = [f"--env={environment}"] if environment else []
        return self.ctr("run", "--rm", *flags, image, f"container-{self._containers}", *command)


@pytest.fixture(scope="module")
def containerd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containerd]:
    tools = built_tools()
    absent = [
        command for command in ("containerd", "ctr", "runc", "busybox") if shutil.which(command) is None
    ]
    if absent or os.geteuid() != 0:
        pytest.skip(f"needs root, and on PATH: {', '.join(absent) or 'all there'}")

    folder = tmp_path_factory.mktemp("containerd")
    certificate = folder / "ca.crt"
    certificate.write_text("certificate of the cloud\n")
    archives = make_images(
        Layout(folder / "home"), tools, certificate, [ChartImage("injector", "hashicorp/vault-k8s:1.5.0")]
    )
    configuration = folder / "containerd.toml"
    configuration.write_text(CONFIGURATION.format(folder=folder))
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(["containerd", "--config", configuration], stdout=log, stderr=log)
    try:
        containerd = Containerd(folder)
        deadline = time.monotonic() + 30
        while containerd.ctr("version").returncode != 0:
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.1)
        for archive in archives:
            imported = containerd.ctr("images", "import", str(archive))
            assert imported.returncode == 0, imported.stderr
        yield containerd
    finally:
        process.terminate()
        process.wait(timeout=30)
        shutil.rmtree(folder)


def test_every_name_is_there(containerd: Containerd) -> None:
    assert containerd.ctr("images", "list", "--quiet").stdout.split() == [
        "docker.io/hashicorp/vault-k8s:1.5.0",
        "docker.io/hashicorp/vault-k8s:1.6.2",
        OLDER_VAULT,
        VAULT,
        "docker.io/library/busybox:1.36",
        "docker.io/library/busybox:latest",
        RCLONE,
        "registry.k8s.io/pause:3.9",
    ]


def test_the_entrypoint_starts_vault_as_the_vault_user(containerd: Containerd) -> None:
    # `vault` is shadowed by a script that tells who runs it.
    shadow = "/usr/local/bin/vault"
    show = f"printf '#!/bin/sh\\nid -u; id -g; echo \"$@\"\\n' >{shadow}; chmod +x {shadow}"
    result = containerd.run(
        VAULT, "sh", "-c", f"{show}; exec docker-entrypoint.sh vault server -config=/tmp/a.hcl"
    )

    assert result.stdout.split() == ["100", "1000", "server", "-config=/tmp/a.hcl"], result.stderr


def test_vault_and_its_injector_run_in_their_images(containerd: Containerd) -> None:
    version = containerd.run(VAULT, "docker-entrypoint.sh", "version")
    assert version.stdout.startswith("Vault v1.21.2"), version.stderr
    older = containerd.run(OLDER_VAULT, "docker-entrypoint.sh", "version")
    assert older.stdout.startswith("Vault v1.18.1"), older.stderr
    injector = containerd.run("docker.io/hashicorp/vault-k8s:1.5.0", "/bin/vault-k8s", "version")
    assert "1.6.2" in injector.stdout, injector.stderr


def test_rclone_runs_in_its_image(containerd: Containerd) -> None:
    result = containerd.run(RCLONE, "sh", "-c", "rclone version; pwd; cat /etc/ssl/certs/ca-certificates.crt")
    assert result.stdout.startswith("rclone v1.72.0\n"), result.stderr
    assert result.stdout.splitlines()[-2:] == ["/data", "certificate of the cloud"]


@pytest.mark.parametrize("image", [VAULT, RCLONE])
def test_the_shell_can_verify_a_snapshot(containerd: Containerd, image: str) -> None:
    """With the same applets as the official images', which are Alpine's."""
    script = (
        "mkdir /tmp/a; cd /tmp/a; printf data >state.bin; sha256sum state.bin >SHA256SUMS; "
        "tar -cf - state.bin SHA256SUMS | gzip >/tmp/s.snap; rm -f state.bin SHA256SUMS; "
        "gzip -t /tmp/s.snap; tar -xzf /tmp/s.snap; sha256sum -c SHA256SUMS; wc -c <state.bin; "
        "date -u +%Y%m%dT%H%M%SZ | grep -Ec '^[0-9]{8}T[0-9]{6}Z$'"
    )

    result = containerd.run(image, "sh", "-ec", script)

    assert result.stdout.splitlines() == ["state.bin: OK", "4", "1"], result.stderr


@pytest.mark.parametrize(
    ("command", "environment"),
    [
        (("server", "-dev"), ""),
        ((), ""),
        (("vault", "version"), "VAULT_LOCAL_CONFIG={}"),
        (("vault", "version"), "VAULT_CLUSTER_INTERFACE=eth0"),
    ],
)
def test_the_entrypoint_refuses_what_it_does_not_do(
    command: tuple[str, ...], environment: str, containerd: Containerd
) -> None:
    result = containerd.run(VAULT, "docker-entrypoint.sh", *command, environment=environment)

    assert result.returncode == 64
    assert "not supported by the sandbox's Vault image" in result.stderr


def test_the_shell_has_what_the_charts_scripts_use(containerd: Containerd) -> None:
    script = (
        "set -e; cd /tmp; echo HOST_IP >a; cp a b; sed -Ei 's|HOST_IP|10.0.0.1|g' b; cat b; "
        "echo e30= | base64 -d; echo; sleep 0; pidof sh >/dev/null; cat /etc/ssl/certs/ca-certificates.crt; "
        "stat -c '%u %g %n' /vault/config /vault/data /home/vault"
    )

    result = containerd.run(VAULT, "sh", "-ec", script)

    assert result.stdout.splitlines() == [
        "10.0.0.1",
        "{}",
        "certificate of the cloud",
        "100 1000 /vault/config",
        "100 1000 /vault/data",
        "100 1000 /home/vault",
    ], result.stderr
