"""Writes container images as OCI archives, without a container engine.

An archive is a tar of an image layout
(https://github.com/opencontainers/image-spec/blob/v1.1.0/image-layout.md), which
``ctr images import`` takes. The same input gives the same bytes.
"""

import hashlib
import io
import json
import platform
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from sandbox.errors import SandboxError

_EPOCH = "1970-01-01T00:00:00Z"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"

# Python's names of processor architectures and those of Go, which OCI uses.
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


class ImageError(SandboxError):
    """An image cannot be made."""


@dataclass(frozen=True)
class Directory:
    """A folder in an image; ``path`` has no leading slash, here and below."""

    path: str
    mode: int = 0o755
    uid: int = 0
    gid: int = 0


@dataclass(frozen=True)
class File:
    """A file in an image: its content, or the machine's file that has the content."""

    path: str
    content: bytes | Path
    mode: int = 0o644


@dataclass(frozen=True)
class Symlink:
    """A symbolic link in an image."""

    path: str
    target: str


Entry = Directory | File | Symlink
Layer = Sequence[Entry]


@dataclass(frozen=True)
class ImageConfiguration:
    """What a container runs by default, as whom, and which folders get a volume of their own.

    https://github.com/opencontainers/image-spec/blob/v1.1.0/config.md#properties
    """

    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    user: str = ""
    volumes: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    """``NAME=value``, beside the PATH that every image has."""
    working_folder: str = ""


def write_archive(
    destination: Path,
    references: Sequence[str],
    layers: Sequence[Layer],
    configuration: ImageConfiguration,
) -> None:
    """Write an image that goes by all of ``references`` (full ones, with registry and tag).

    Files are streamed, so memory does not grow with them. ``destination`` appears when
    it is complete. Raises ``ImageError`` on a processor that the sandbox does not know.
    """
    architecture = _ARCHITECTURES.get(platform.machine())
    if architecture is None:
        raise ImageError(
            f"This machine's processor is {platform.machine()}; the sandbox makes images for "
            f"{' and '.join(_ARCHITECTURES)} only. Use such a machine."
        )
    partial = destination.with_name(f"{destination.name}.partial")
    with tempfile.TemporaryDirectory(dir=destination.parent, prefix=".layers-") as folder:
        layer_files = [Path(folder, str(number)) for number in range(len(layers))]
        for file, layer in zip(layer_files, layers, strict=True):
            _write_layer(file, layer)
        layer_digests = [_digest_of_file(file) for file in layer_files]
        config = _config(architecture, layer_digests, configuration)
        manifest = _json(
            {
                "schemaVersion": 2,
                "mediaType": _MANIFEST,
                "config": _descriptor(_CONFIG, config),
                "layers": [
                    {"mediaType": _LAYER, "digest": digest, "size": file.stat().st_size}
                    for digest, file in zip(layer_digests, layer_files, strict=True)
                ],
            }
        )
        with tarfile.open(partial, "w") as archive:
            _add_bytes(archive, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
            _add_bytes(archive, "index.json", _index(manifest, architecture, references))
            _add_bytes(archive, _blob_path(_digest(config)), config)
            _add_bytes(archive, _blob_path(_digest(manifest)), manifest)
            # Two equal layers are one blob.
            for digest, file in dict(zip(layer_digests, layer_files, strict=True)).items():
                with file.open("rb") as content:
                    _add_stream(archive, _blob_path(digest), content, file.stat().st_size)
    partial.rename(destination)


def _config(architecture: str, layer_digests: Sequence[str], configuration: ImageConfiguration) -> bytes:
    run: dict[str, object] = {"Env": [f"PATH={_PATH}", *configuration.environment]}
    if configuration.entrypoint:
        run["Entrypoint"] = list(configuration.entrypoint)
    if configuration.command:
        run["Cmd"] = list(configuration.command)
    if configuration.user:
        run["User"] = configuration.user
    if configuration.working_folder:
        run["WorkingDir"] = configuration.working_folder
    if configuration.volumes:
        run["Volumes"] = {volume: {} for volume in configuration.volumes}
    return _json(
        {
            "architecture": architecture,
            "os": "linux",
            "created": _EPOCH,
            "config": run,
            # The layers are stored uncompressed, so a layer's digest is its diff id too.
            "rootfs": {"type": "layers", "diff_ids": list(layer_digests)},
        }
    )


def _index(manifest: bytes, architecture: str, references: Sequence[str]) -> bytes:
    return _json(
        {
            "schemaVersion": 2,
            "manifests": [
                {
                    **_descriptor(_MANIFEST, manifest),
                    "platform": {"os": "linux", "architecture": architecture},
                    # containerd takes the image's name from the first annotation, which may hold a
                    # registry; OCI's own is for other readers.
                    "annotations": {
                        "io.containerd.image.name": reference,
                        "org.opencontainers.image.ref.name": reference,
                    },
                }
                for reference in references
            ],
        }
    )


def _write_layer(destination: Path, layer: Layer) -> None:
    with tarfile.open(destination, "w", format=tarfile.PAX_FORMAT) as tar:
        for entry in layer:
            if isinstance(entry, File):
                _add_file(tar, entry)
                continue
            info = tarfile.TarInfo(entry.path)
            if isinstance(entry, Directory):
                info.type = tarfile.DIRTYPE
                info.mode, info.uid, info.gid = entry.mode, entry.uid, entry.gid
            else:
                info.type = tarfile.SYMTYPE
                info.mode, info.linkname = 0o777, entry.target
            tar.addfile(info)


def _add_file(tar: tarfile.TarFile, entry: File) -> None:
    if isinstance(entry.content, bytes):
        _add_bytes(tar, entry.path, entry.content, entry.mode)
        return
    with entry.content.open("rb") as content:
        _add_stream(tar, entry.path, content, entry.content.stat().st_size, entry.mode)


def _add_bytes(tar: tarfile.TarFile, path: str, content: bytes, mode: int = 0o644) -> None:
    _add_stream(tar, path, io.BytesIO(content), len(content), mode)


def _add_stream(tar: tarfile.TarFile, path: str, content: IO[bytes], size: int, mode: int = 0o644) -> None:
    info = tarfile.TarInfo(path)
    info.size, info.mode = size, mode
    tar.addfile(info, content)


def _descriptor(media_type: str, content: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": _digest(content), "size": len(content)}


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _digest_of_file(file: Path) -> str:
    with file.open("rb") as content:
        return f"sha256:{hashlib.file_digest(content, 'sha256').hexdigest()}"


def _blob_path(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()
