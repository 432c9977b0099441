"""Makes the container images that the sandbox's cluster runs, from the tools and Debian's BusyBox.

They stand in for the official images: the same paths, users and entrypoints, as far as
the charts use them. Nothing is fetched from a registry.
"""

import hashlib
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.build.elf import is_statically_linked
from sandbox.build.oci_archive import (
    Directory,
    Entry,
    File,
    ImageConfiguration,
    ImageError,
    Layer,
    Symlink,
    write_archive,
)
from sandbox.build.pinned_tools import PINNED_TOOLS
from sandbox.build.tools import Tools
from sandbox.charts import ChartImage
from sandbox.layout import Layout

_ENTRYPOINT = Path(__file__).with_name("vault_entrypoint.sh")
_RECIPE = (Path(__file__), Path(__file__).with_name("oci_archive.py"))

# The official images' vault user has these ids, and the charts name them
# (server.statefulSet.securityContext and AGENT_INJECT's run-as-user).
_VAULT_UID = 100
_VAULT_GID = 1000
# Of the user that the official rclone image has, and doesn't start as.
_RCLONE_ID = 1009

_USERS = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"
_GROUPS = "root:x:0:\nnobody:x:65534:\n"

_DIGEST = re.compile(r"@[a-z0-9+._-]+:")


@dataclass(frozen=True)
class _Image:
    name: str
    references: tuple[str, ...]
    layers: tuple[Layer, ...]
    configuration: ImageConfiguration


def make_images(
    layout: Layout, tools: Tools, cloud_ca_certificate: Path, chart_images: Sequence[ChartImage]
) -> list[Path]:
    """Build the OCI archives of pause, BusyBox, Vault, vault-k8s and rclone, below ``layout.images``.

    There are two Vault images, of the newest version and of an older one. The first goes by the
    references that ``chart_images`` has for the server and the agent, vault-k8s by those for
    the injector, whatever version they name, beside the versions that the sandbox pins; only
    a reference that is the older image's own is left to that one. Processes in the images of Vault
    and rclone trust the certificate authority in ``cloud_ca_certificate`` (PEM) and no other.

    An archive is made again only when something in it has changed; archives that are no
    longer wanted are removed. Raises ``ImageError`` when BusyBox is missing, a program
    is not linked statically, or a reference is by digest.
    """
    images = _images(tools, cloud_ca_certificate.read_bytes(), chart_images)
    layout.images.mkdir(parents=True, exist_ok=True)
    archives = [layout.images / f"{image.name}-{_content_key(image)}.tar" for image in images]
    for image, archive in zip(images, archives, strict=True):
        if not archive.exists():
            write_archive(archive, image.references, image.layers, image.configuration)
    for stale in set(layout.images.glob("*.tar")) - set(archives):
        stale.unlink()
    return archives


def normalised_reference(reference: str) -> str:
    """Return an image reference as containerd stores it: ``a/b`` is ``docker.io/a/b:latest``.

    https://github.com/distribution/reference (ParseNormalizedNamed, TagNameOnly). Raises
    ``ImageError`` for a reference by digest, which a home-made image cannot answer to.
    """
    if _DIGEST.search(reference):
        raise ImageError(
            f"The image {reference} is named by its digest, which no image made here can have. "
            "Name it by a tag."
        )
    first, slash, _ = reference.partition("/")
    if not slash:
        reference = f"docker.io/library/{reference}"
    elif not ("." in first or ":" in first or first == "localhost"):
        reference = f"docker.io/{reference}"
    return reference if ":" in reference.rpartition("/")[2] else f"{reference}:latest"


def _images(tools: Tools, certificate: bytes, chart_images: Sequence[ChartImage]) -> list[_Image]:
    userland = _userland(_busybox())
    vault_user = _vault_user()
    pinned = {tool.name: tool.version for tool in PINNED_TOOLS}
    for program in (tools.pause, tools.vault, tools.vault_older, tools.vault_k8s, tools.rclone):
        _require_static(program)
    newest = _references(f"hashicorp/vault:{pinned['vault']}", chart_images, ("server", "agent"))
    older = normalised_reference(f"hashicorp/vault:{pinned['vault-older']}")

    def vault(name: str, references: tuple[str, ...], program: Path) -> _Image:
        return _Image(
            name,
            references,
            (userland, vault_user, [File("bin/vault", program, 0o755)], _vault_files(certificate)),
            ImageConfiguration(entrypoint=("docker-entrypoint.sh",), volumes=("/vault/file", "/vault/logs")),
        )

    return [
        _Image(
            "pause",
            (f"registry.k8s.io/pause:{pinned['pause']}",),
            ([File("pause", tools.pause, 0o755)],),
            ImageConfiguration(entrypoint=("/pause",), user="65535:65535"),
        ),
        _Image(
            "busybox",
            ("docker.io/library/busybox:1.36", "docker.io/library/busybox:latest"),
            (userland,),
            ImageConfiguration(command=("sh",)),
        ),
        vault("vault", tuple(reference for reference in newest if reference != older), tools.vault),
        vault("vault-older", (older,), tools.vault_older),
        _Image(
            "vault-k8s",
            _references(f"hashicorp/vault-k8s:{pinned['vault-k8s']}", chart_images, ("injector",)),
            (userland, vault_user, [File("bin/vault-k8s", tools.vault_k8s, 0o755)]),
            ImageConfiguration(entrypoint=("/bin/vault-k8s",), user="vault"),
        ),
        _Image(
            "rclone",
            (normalised_reference(f"rclone/rclone:{pinned['rclone']}"),),
            (userland, [File("usr/local/bin/rclone", tools.rclone, 0o755)], _rclone_files(certificate)),
            # As its Dockerfile says (rclone/rclone v1.72.0). It names no user, so it starts as root.
            ImageConfiguration(
                entrypoint=("rclone",), environment=("XDG_CONFIG_HOME=/config",), working_folder="/data"
            ),
        ),
    ]


def _references(pinned: str, chart_images: Iterable[ChartImage], roles: Sequence[str]) -> tuple[str, ...]:
    wanted = [pinned, *(image.reference for image in chart_images if image.role in roles)]
    return tuple(dict.fromkeys(map(normalised_reference, wanted)))


def _busybox() -> Path:
    found = shutil.which("busybox")
    if found is None:
        raise ImageError("busybox is not on PATH. Install Debian's package busybox-static.")
    busybox = Path(found)
    _require_static(busybox)
    return busybox


def _require_static(program: Path) -> None:
    if not is_statically_linked(program):
        raise ImageError(
            f"{program} needs shared libraries (or is no 64-bit ELF program), so it cannot run in an image "
            "that has none. Install a statically linked one (Debian's busybox-static), or take it off PATH."
        )


def _userland(busybox: Path) -> Layer:
    applets = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split()
    folders = ("bin", "dev", "etc", "home", "proc", "root", "sys", "usr", "usr/local", "usr/local/bin", "var")
    entries: list[Entry] = [Directory(path) for path in folders]
    entries.append(Directory("tmp", mode=0o1777))
    entries.append(File("bin/busybox", busybox, 0o755))
    entries += [Symlink(f"bin/{applet}", "busybox") for applet in applets if applet != "busybox"]
    # Scripts ask for /usr/bin/env; one folder of programs serves every customary path.
    entries += [Symlink("sbin", "bin"), Symlink("usr/bin", "../bin"), Symlink("usr/sbin", "../bin")]
    entries += [
        File("etc/passwd", _USERS.encode()),
        File("etc/group", _GROUPS.encode()),
        # Without it Go's resolver asks DNS before /etc/hosts, which hostAliases end up in.
        File("etc/nsswitch.conf", b"hosts: files dns\n"),
    ]
    return entries


def _vault_user() -> Layer:
    users = f"{_USERS}vault:x:{_VAULT_UID}:{_VAULT_GID}:vault:/home/vault:/bin/sh\n"
    groups = f"{_GROUPS}vault:x:{_VAULT_GID}:\n"
    return [
        File("etc/passwd", users.encode()),
        File("etc/group", groups.encode()),
        Directory("home/vault", uid=_VAULT_UID, gid=_VAULT_GID),
    ]


def _vault_files(certificate: bytes) -> Layer:
    folders = ("vault", "vault/audit", "vault/config", "vault/data", "vault/file", "vault/logs")
    return [
        *(Directory(path, uid=_VAULT_UID, gid=_VAULT_GID) for path in folders),
        File("usr/local/bin/docker-entrypoint.sh", _ENTRYPOINT, 0o755),
        *_trusted(certificate),
    ]


def _rclone_files(certificate: bytes) -> Layer:
    return [
        File("etc/passwd", f"{_USERS}rclone:x:{_RCLONE_ID}:{_RCLONE_ID}::/home/rclone:/bin/sh\n".encode()),
        File("etc/group", f"{_GROUPS}rclone:x:{_RCLONE_ID}:\n".encode()),
        Directory("home/rclone", uid=_RCLONE_ID, gid=_RCLONE_ID),
        Directory("data"),
        *_trusted(certificate),
    ]


def _trusted(certificate: bytes) -> Layer:
    return [
        Directory("etc/ssl"),
        Directory("etc/ssl/certs"),
        # The first place where Go looks for trusted certificates on Linux (crypto/x509, root_linux.go).
        File("etc/ssl/certs/ca-certificates.crt", certificate),
    ]


def _content_key(image: _Image) -> str:
    """Names what is in the image. Large files count by place, size and time, so they need not be read."""
    digest = hashlib.sha256()
    for source in _RECIPE:
        digest.update(source.read_bytes())
    digest.update(repr((image.name, image.references, image.configuration)).encode())
    for entry in (entry for layer in image.layers for entry in layer):
        digest.update(repr(entry).encode())
        if isinstance(entry, File) and isinstance(entry.content, Path):
            status = entry.content.stat()
            digest.update(f"{status.st_size} {status.st_mtime_ns}".encode())
    return digest.hexdigest()[:16]
