"""The images of the sandbox: names, content, and when they are made again."""

import json
import os
import shutil
import tarfile
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from sandbox.build.images import make_images, normalised_reference
from sandbox.build.oci_archive import ImageError
from sandbox.build.tools import Tools
from sandbox.charts import ChartImage
from sandbox.layout import Layout

# The least that counts as a statically linked program: an ELF header and one PT_LOAD header.
STATIC_PROGRAM = (
    b"\x7fELF\x02\x01\x01".ljust(32, b"\0") + (64).to_bytes(8, "little") + bytes(12) + b"\x40\0\x38\0\x01\0"
).ljust(64, b"\0") + b"\x01".ljust(56, b"\0")


class Maker:
    """Pretended tools, and the images made of them."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.layout = Layout(folder / "home")
        self.certificate = folder / "ca.crt"
        self.certificate.write_text("certificate of the cloud")
        self.program = folder / "program"
        self.program.write_bytes(STATIC_PROGRAM)
        self.tools = Tools(*([self.program] * len(fields(Tools))))
        busybox = folder / "busybox"
        busybox.write_text("#!/bin/sh\nprintf 'busybox\\nsh\\nsed\\n'\n")
        busybox.chmod(0o755)
        # It has to list its applets, so it is a script here, which the real search would refuse.
        monkeypatch.setattr("sandbox.build.images._busybox", lambda: busybox)

    def make(self, chart_images: Sequence[ChartImage] = ()) -> dict[str, Path]:
        """The archives by the image's name."""
        archives = make_images(self.layout, self.tools, self.certificate, chart_images)
        return {archive.name.rpartition("-")[0]: archive for archive in archives}


@pytest.fixture
def maker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Maker:
    return Maker(tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("reference", "normalised"),
    [
        ("busybox", "docker.io/library/busybox:latest"),
        ("busybox:1.36", "docker.io/library/busybox:1.36"),
        ("hashicorp/vault:1.18.1", "docker.io/hashicorp/vault:1.18.1"),
        ("docker.io/hashicorp/vault:1.18.1", "docker.io/hashicorp/vault:1.18.1"),
        ("public.ecr.aws/hashicorp/vault", "public.ecr.aws/hashicorp/vault:latest"),
        ("localhost/vault:1", "localhost/vault:1"),
        ("mirror:5000/vault", "mirror:5000/vault:latest"),
    ],
)
def test_references_are_completed_as_containerd_does(reference: str, normalised: str) -> None:
    assert normalised_reference(reference) == normalised


def test_a_reference_by_digest_is_refused() -> None:
    with pytest.raises(ImageError, match="by a tag"):
        normalised_reference("hashicorp/vault@sha256:" + "0" * 64)


def test_the_images_go_by_the_pinned_names_and_by_those_of_the_chart(maker: Maker) -> None:
    archives = maker.make(
        [
            ChartImage("server", "hashicorp/vault:1.21.2"),
            ChartImage("agent", "registry.example/vault:2"),
            ChartImage("injector", "hashicorp/vault-k8s:1.5.0"),
        ]
    )

    assert {name: _names(archive) for name, archive in archives.items()} == {
        "pause": ["registry.k8s.io/pause:3.9"],
        "busybox": ["docker.io/library/busybox:1.36", "docker.io/library/busybox:latest"],
        "vault": ["docker.io/hashicorp/vault:1.21.2", "registry.example/vault:2"],
        "vault-older": ["docker.io/hashicorp/vault:1.18.1"],
        "vault-k8s": ["docker.io/hashicorp/vault-k8s:1.6.2", "docker.io/hashicorp/vault-k8s:1.5.0"],
        "rclone": ["docker.io/rclone/rclone:1.72.0"],
    }


def test_a_chart_that_names_the_older_vault_gets_that_one(maker: Maker) -> None:
    archives = maker.make(
        [
            ChartImage("server", "docker.io/hashicorp/vault:1.18.1"),
            ChartImage("agent", "mirror.example/vault:1"),
        ]
    )

    assert {name: _names(archives[name]) for name in ("vault", "vault-older")} == {
        "vault": ["docker.io/hashicorp/vault:1.21.2", "mirror.example/vault:1"],
        "vault-older": ["docker.io/hashicorp/vault:1.18.1"],
    }


@pytest.mark.parametrize("name", ["vault", "vault-older"])
def test_the_vault_images_have_what_the_chart_relies_on(maker: Maker, tmp_path: Path, name: str) -> None:
    programs = {"vault": STATIC_PROGRAM + b"newest", "vault-older": STATIC_PROGRAM + b"older"}
    for program, content in programs.items():
        (tmp_path / program).write_bytes(content)
    maker.tools = replace(maker.tools, vault=tmp_path / "vault", vault_older=tmp_path / "vault-older")

    files = _files(maker.make()[name])

    assert files["bin/sh"] == "-> busybox"
    assert files["bin/vault"].encode() == programs[name]
    assert files["usr/local/bin/docker-entrypoint.sh"].startswith("#!/bin/sh\n")
    assert "vault:x:100:1000:" in files["etc/passwd"]
    assert "root:x:0:0:" in files["etc/passwd"]
    assert files["etc/ssl/certs/ca-certificates.crt"] == "certificate of the cloud"
    assert {
        "vault/config",
        "vault/data",
        "vault/audit",
        "vault/logs",
        "vault/file",
        "home/vault",
    } <= files.keys()


def test_the_rclone_image_is_like_the_official_one(maker: Maker) -> None:
    archive = maker.make()["rclone"]
    files = _files(archive)

    assert files["usr/local/bin/rclone"].encode() == STATIC_PROGRAM
    assert files["bin/sh"] == "-> busybox"
    assert "rclone:x:1009:1009:" in files["etc/passwd"]
    assert files["etc/ssl/certs/ca-certificates.crt"] == "certificate of the cloud"
    run = _configuration(archive)
    assert run["Entrypoint"] == ["rclone"]
    assert run["WorkingDir"] == "/data"
    assert "XDG_CONFIG_HOME=/config" in run["Env"]
    assert "User" not in run


def test_an_unchanged_image_is_not_made_again(maker: Maker) -> None:
    first = maker.make()
    before = {archive: archive.stat().st_mtime_ns for archive in first.values()}

    assert maker.make() == first
    assert {archive: archive.stat().st_mtime_ns for archive in first.values()} == before


def test_another_certificate_makes_images_again_that_trust_it_and_removes_old_ones(maker: Maker) -> None:
    first = maker.make()
    maker.certificate.write_text("another")

    second = maker.make()

    assert _files(second["vault"])["etc/ssl/certs/ca-certificates.crt"] == "another"
    assert {name for name in first if first[name] != second[name]} == {
        "vault",
        "vault-older",
        "rclone",
    }
    assert set(maker.layout.images.iterdir()) == set(second.values())


def test_a_changed_program_makes_its_images_again(maker: Maker, tmp_path: Path) -> None:
    first = maker.make()
    newer = tmp_path / "newer"
    shutil.copy(maker.program, newer)
    os.utime(newer, (1, 1))
    maker.tools = replace(maker.tools, vault_k8s=newer)

    second = maker.make()

    assert {name for name in first if first[name] != second[name]} == {"vault-k8s"}


def test_a_program_that_needs_shared_libraries_is_refused(maker: Maker, tmp_path: Path) -> None:
    script = tmp_path / "vault"
    script.write_text("#!/bin/sh\n")
    maker.tools = replace(maker.tools, vault=script)

    with pytest.raises(ImageError, match="needs shared libraries"):
        maker.make()


def test_a_missing_busybox_is_named_with_its_package(
    maker: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))

    with pytest.raises(ImageError, match="busybox-static"):
        maker.make()


def _names(archive: Path) -> list[str]:
    with tarfile.open(archive) as tar:
        content = tar.extractfile("index.json")
        assert content is not None
        index = json.load(content)
    return [manifest["annotations"]["io.containerd.image.name"] for manifest in index["manifests"]]


def _configuration(archive: Path) -> dict[str, Any]:
    """What a container of the image runs by default."""
    with tarfile.open(archive) as tar:
        manifest = json.loads(_read(tar, "index.json"))["manifests"][0]
        config = json.loads(_read(tar, f"blobs/{manifest['digest'].replace(':', '/')}"))["config"]
        run: dict[str, Any] = json.loads(_read(tar, f"blobs/{config['digest'].replace(':', '/')}"))["config"]
    return run


def _files(archive: Path) -> dict[str, str]:
    """Every path of the image's layers, laid over each other, with content or link."""
    files: dict[str, str] = {}
    with tarfile.open(archive) as tar:
        manifests = json.loads(_read(tar, "index.json"))["manifests"]
        manifest = json.loads(_read(tar, f"blobs/{manifests[0]['digest'].replace(':', '/')}"))
        for layer in manifest["layers"]:
            stream = tar.extractfile(f"blobs/{layer['digest'].replace(':', '/')}")
            with tarfile.open(fileobj=stream) as content:
                for member in content:
                    if member.issym():
                        files[member.name] = f"-> {member.linkname}"
                    else:
                        files[member.name] = _read(content, member.name).decode() if member.isfile() else ""
    return files


def _read(tar: tarfile.TarFile, name: str) -> bytes:
    content = tar.extractfile(name)
    assert content is not None
    return content.read()
