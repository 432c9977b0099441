"""Installs the Debian packages that the sandbox's cluster is made of, without starting their services."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sandbox.errors import SandboxError
from sandbox.progress import Progress

REQUIRED_PACKAGES = (
    "busybox-static",  # the shell and the tools inside the images that the sandbox makes
    "ca-certificates",  # Go fetches modules over TLS
    "conntrack",  # kube-proxy forgets UDP flows with it
    "containerd",
    "containernetworking-plugins",
    "etcd-server",
    "iproute2",
    "iptables",
    "runc",
    "socat",
)

# Debian enables and starts these on installation. The sandbox starts its own, on its own
# ports and folders; a second etcd on port 2379 would be in its way.
_SERVICES = {"containerd": "containerd.service", "etcd-server": "etcd.service"}

# https://people.debian.org/~hmh/invokerc.d-policyrc.d-specification.txt: 101 is "action forbidden by policy".
_POLICY_FILE = Path("/usr/sbin/policy-rc.d")
_POLICY = "#!/bin/sh\n# Written by the Vault sandbox for one run of apt-get.\nexit 101\n"

_LOCK_WAIT_SECONDS = 120
_OUTPUT_LINES_SHOWN = 15


class DebianPackagesError(SandboxError):
    """A Debian package is missing and could not be installed."""


def missing_packages(dpkg_listing: str) -> list[str]:
    """Those of ``REQUIRED_PACKAGES`` that are not installed.

    ``dpkg_listing`` has a line a package: status, name, and what it provides. A package
    that provides another counts as that one, so Docker's ``containerd.io`` is left alone
    where Debian's ``containerd`` would replace it.
    """
    present: set[str] = set()
    for line in dpkg_listing.splitlines():
        status, _, rest = line.partition(" ")
        if status == "installed":
            name, _, provided = rest.partition(" ")
            present.add(name)
            present.update(entry.split()[0] for entry in provided.split(",") if entry.strip())
    return [package for package in REQUIRED_PACKAGES if package not in present]


def ensure_debian_packages(progress: Progress) -> None:
    """Installs what is missing; costs one look at dpkg's database when nothing is.

    Raises ``DebianPackagesError`` where this is no Debian, where packages are missing
    and this is not root, or when apt-get fails, with the end of its output.
    """
    if shutil.which("dpkg-query") is None or shutil.which("apt-get") is None:
        raise DebianPackagesError(
            "The sandbox needs Debian (dpkg-query and apt-get are not on PATH). "
            "Use a Debian machine, or point SANDBOX_KUBECONFIG at a cluster that exists."
        )
    missing = missing_packages(_dpkg_listing())
    if not missing:
        return
    if os.geteuid() != 0:
        raise DebianPackagesError(
            f"Debian packages are missing and only root can install them: {' '.join(missing)}. "
            f"Run `make up` as root, or first: apt-get install --no-install-recommends {' '.join(missing)}"
        )
    with progress.step(f"Installing Debian packages: {' '.join(missing)}"), services_held_back(_POLICY_FILE):
        _apt_get("update")
        _apt_get("install", "-y", "--no-install-recommends", *missing)
        _disable_services([unit for package, unit in _SERVICES.items() if package in missing])


@contextmanager
def services_held_back(policy_file: Path) -> Iterator[None]:
    """While the block runs, installing a package starts no service; then the old policy is back.

    A policy of the machine's own is set aside under another name. A run that was killed
    leaves both files, from which the next run puts things right.
    """
    set_aside = policy_file.with_name(f"{policy_file.name}.before-vault-sandbox")
    if policy_file.exists() and policy_file.read_text() != _POLICY:
        policy_file.replace(set_aside)
    policy_file.write_text(_POLICY)
    policy_file.chmod(0o755)
    try:
        yield
    finally:
        if set_aside.exists():
            set_aside.replace(policy_file)
        else:
            policy_file.unlink()


def _dpkg_listing() -> str:
    result = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${db:Status-Status} ${Package} ${Provides}\\n"],
        capture_output=True,
        text=True,
    )
    if result.returncode != 0:
        raise DebianPackagesError(f"dpkg-query does not list the packages: {result.stderr.strip()}")
    return result.stdout


def _apt_get(*arguments: str) -> None:
    _run(["apt-get", "-q", "-o", f"DPkg::Lock::Timeout={_LOCK_WAIT_SECONDS}", *arguments])


def _disable_services(units: Sequence[str]) -> None:
    """Keep newly installed services from starting at the next boot."""
    if units and shutil.which("systemctl") is not None:
        _run(["systemctl", "disable", "--quiet", *units])


def _run(argv: Sequence[str]) -> None:
    result = subprocess.run(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # dpkg refuses to work without the sbin folders, which a root shell made by `su` lacks.
        env={
            **os.environ,
            "DEBIAN_FRONTEND": "noninteractive",
            "PATH": f"{os.environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin:/sbin",
        },
    )
    if result.returncode != 0:
        output = "\n".join(result.stdout.splitlines()[-_OUTPUT_LINES_SHOWN:])
        raise DebianPackagesError(
            f"`{' '.join(argv)}` ended with {result.returncode}:\n{output}\nFix that and run `make up` again."
        )
