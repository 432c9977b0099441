"""OCI archives, read back as a container runtime reads them."""

import hashlib
import json
import platform
import tarfile
from pathlib import Path
from typing import Any

import pytest

from sandbox.build.oci_archive import Directory, File, ImageConfiguration, ImageError, Symlink, write_archive

REFERENCES = ["registry.example/tiny:1", "registry.example/tiny:latest"]
CONFIGURATION = ImageConfiguration(
    entrypoint=("/hello",), command=("world",), user="100:1000", volumes=("/data",)
)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    program = tmp_path / "program"
    program.write_bytes(b"a program" * 1000)
    archive = tmp_path / "tiny.tar"
    write_archive(
        archive,
        REFERENCES,
        [
            [Directory("bin"), Directory("tmp", mode=0o1777), File("bin/hello", program, 0o755)],
            [Directory("home", uid=100, gid=1000), Symlink("hello", "bin/hello"), File("etc/motd", b"hi\n")],
        ],
        CONFIGURATION,
    )
    return archive


def test_every_blob_is_named_by_its_digest_and_every_descriptor_leads_to_one(archive: Path) -> None:
    blobs = _blobs(archive)
    for digest, content in blobs.items():
        assert hashlib.sha256(content).hexdigest() == digest
    manifest = _manifest(archive)
    for descriptor in [manifest["config"], *manifest["layers"]]:
        assert descriptor["size"] == len(blobs[descriptor["digest"].removeprefix("sha256:")])


def test_the_index_has_the_image_by_each_name(archive: Path) -> None:
    with tarfile.open(archive) as tar:
        assert _member(tar, "oci-layout") == b'{"imageLayoutVersion": "1.0.0"}'
        index = json.loads(_member(tar, "index.json"))
    names = [manifest["annotations"]["io.containerd.image.name"] for manifest in index["manifests"]]
    assert names == REFERENCES
    assert len({manifest["digest"] for manifest in index["manifests"]}) == 1


def test_the_layers_hold_files_with_their_modes_and_owners(archive: Path) -> None:
    first, second = _layers(archive)
    assert {(info.name, info.mode, info.type) for info in first} == {
        ("bin", 0o755, tarfile.DIRTYPE),
        ("tmp", 0o1777, tarfile.DIRTYPE),
        ("bin/hello", 0o755, tarfile.REGTYPE),
    }
    owners = {info.name: (info.uid, info.gid) for info in second}
    assert owners == {"home": (100, 1000), "hello": (0, 0), "etc/motd": (0, 0)}
    assert next(info.linkname for info in second if info.issym()) == "bin/hello"


def test_the_configuration_says_what_runs_and_lists_the_layers(archive: Path) -> None:
    manifest = _manifest(archive)
    config = json.loads(_blobs(archive)[manifest["config"]["digest"].removeprefix("sha256:")])
    assert config["config"]["Entrypoint"] == ["/hello"]
    assert config["config"]["Cmd"] == ["world"]
    assert config["config"]["User"] == "100:1000"
    assert config["config"]["Volumes"] == {"/data": {}}
    assert config["rootfs"]["diff_ids"] == [layer["digest"] for layer in manifest["layers"]]
    assert config["os"] == "linux"


def test_the_same_input_gives_the_same_bytes(archive: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.tar"
    layers = [[File("a", b"a")], [File("b", b"b")]]
    write_archive(archive, REFERENCES, layers, CONFIGURATION)
    write_archive(other, REFERENCES, layers, CONFIGURATION)
    assert archive.read_bytes() == other.read_bytes()


def test_a_file_that_cannot_be_read_leaves_no_archive(tmp_path: Path) -> None:
    destination = tmp_path / "out" / "tiny.tar"
    destination.parent.mkdir()
    with pytest.raises(FileNotFoundError):
        write_archive(destination, REFERENCES, [[File("a", tmp_path / "missing")]], CONFIGURATION)
    assert list(destination.parent.iterdir()) == []


def test_an_unknown_processor_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    with pytest.raises(ImageError, match="riscv64"):
        write_archive(tmp_path / "tiny.tar", REFERENCES, [[File("a", b"a")]], CONFIGURATION)


def _member(tar: tarfile.TarFile, name: str) -> bytes:
    content = tar.extractfile(name)
    assert content is not None
    return content.read()


def _blobs(archive: Path) -> dict[str, bytes]:
    prefix = "blobs/sha256/"
    with tarfile.open(archive) as tar:
        names = [name for name in tar.getnames() if name.startswith(prefix)]
        return {name.removeprefix(prefix): _member(tar, name) for name in names}


def _manifest(archive: Path) -> Any:
    with tarfile.open(archive) as tar:
        index = json.loads(_member(tar, "index.json"))
    return json.loads(_blobs(archive)[index["manifests"][0]["digest"].removeprefix("sha256:")])


def _layers(archive: Path) -> list[list[tarfile.TarInfo]]:
    blobs = _blobs(archive)
    layers = []
    for number, descriptor in enumerate(_manifest(archive)["layers"]):
        file = archive.with_name(f"layer-{number}.tar")
        file.write_bytes(blobs[descriptor["digest"].removeprefix("sha256:")])
        with tarfile.open(file) as tar:
            layers.append(tar.getmembers())
    return layers
