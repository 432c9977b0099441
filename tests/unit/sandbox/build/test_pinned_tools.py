"""Which installed tools will do, and what makes a build a different one."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.build import pinned_tools
from sandbox.build.pinned_tools import (
    GO_MODULES,
    OLDER_KUBERNETES_TOOLS,
    PINNED_TOOLS,
    PinnedTool,
    VersionRange,
)

BY_NAME = {tool.name: tool for tool in PINNED_TOOLS}
ALL_TOOLS = [*PINNED_TOOLS, *OLDER_KUBERNETES_TOOLS]


@pytest.mark.parametrize(
    ("tool", "output"),
    [
        ("vault", "Vault v1.21.2 (f479e5c85462477c9334564bc8f69531cdb03b65), built 2024-10-29T14:21:31Z"),
        ("vault-k8s", "vault-k8s 1.6.2"),
        ("helm", "v3.18.6+gb76a950"),
        ("helm", "v3.12.0"),
        ("pulumi", "v3.259.0"),
        ("pulumi", "v3.301.2"),
        ("coredns", "CoreDNS-1.11.3\nlinux/amd64, go1.26.8, "),
        ("rclone", "rclone v1.72.0\n- os/version: debian 12.11 (64 bit)\n- go/version: go1.26.8"),
        ("kubelet", "Kubernetes v1.34.0"),
        ("kubectl", "Client Version: v1.34.4\nKustomize Version: v5.7.1"),
    ],
)
def test_versions_that_will_do(tool: str, output: str) -> None:
    assert _range(tool).accepts(output)


@pytest.mark.parametrize(
    ("tool", "output"),
    [
        ("vault", "Vault v1.21.3 (abc), built 2026-02-20"),
        ("vault", "Vault v1.21.1 (abc)"),
        ("vault", "Vault v1.21.2+ent (abc)"),
        ("vault", "Vault v1.21.2+ent.hsm (abc)"),
        ("vault-k8s", "vault-k8s 1.5.0"),
        ("helm", "v4.0.0+g1234567"),
        ("helm", "v3.11.9"),
        ("pulumi", "v3.258.0"),
        ("pulumi", "v3.260.0-alpha.1"),
        ("coredns", "CoreDNS-1.12.0"),
        ("kubectl", "Client Version: v1.32.4-dispatcher\nKustomize Version: v5.5.0"),
        ("kubectl", "Client Version: v1.34.4-eks-1234567"),
        ("rclone", "rclone v1.71.2\n- os/version: debian 12.11 (64 bit)"),
        ("rclone", "rclone v1.72.0-DEV\n- os/version: debian 12.11 (64 bit)"),
        ("kubelet", "Kubernetes v1.35.0"),
        ("kubelet", "flag provided but not defined"),
    ],
)
def test_versions_that_will_not_do(tool: str, output: str) -> None:
    assert not _range(tool).accepts(output)


@pytest.mark.parametrize("tool", ALL_TOOLS, ids=lambda tool: f"{tool.name} {tool.version}")
def test_what_is_built_would_be_accepted_from_path_too(tool: PinnedTool) -> None:
    assert tool.on_path is None or tool.on_path.accepts(tool.version)


@pytest.mark.parametrize("tool", ALL_TOOLS, ids=lambda tool: f"{tool.name} {tool.version}")
def test_go_mod_pins_the_version_that_the_tool_claims(tool: PinnedTool) -> None:
    """The claim names the folder and the images; go.mod decides what is in them."""
    if tool.name != "pause":  # our own code
        assert _pinned(tool) == f"v{tool.version}"


def test_the_longest_build_comes_first() -> None:
    assert PINNED_TOOLS[0].name == "vault"


def test_the_key_of_a_build_follows_its_module_and_flags(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = BY_NAME["coredns"]
    shutil.copytree(tool.module_folder, tmp_path / "coredns")
    monkeypatch.setattr(pinned_tools, "GO_MODULES", tmp_path)
    before = tool.build_key()

    assert tool.build_key() == before
    assert replace(tool, linker_flags=("-s",)).build_key() != before
    assert replace(tool, tags=("minimal",)).build_key() != before
    for name in ("go.mod", "go.sum", "main.go"):
        file = tmp_path / "coredns" / name
        original = file.read_text()
        file.write_text(original + "\n")
        assert tool.build_key() != before, f"a change of {name} has to give another build"
        file.write_text(original)


def test_the_key_of_a_build_follows_the_modules_of_ours_that_go_mod_puts_in_the_place_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = BY_NAME["vault"]
    for module in (tool.module, *tool.replacements):
        shutil.copytree(GO_MODULES / module, tmp_path / module)
    monkeypatch.setattr(pinned_tools, "GO_MODULES", tmp_path)
    before = tool.build_key()

    file = tmp_path / "go-discover/provider/k8s/k8s.go"
    file.write_text(file.read_text() + "\n")

    assert tool.build_key() != before


@pytest.mark.parametrize("tool", ALL_TOOLS, ids=lambda tool: f"{tool.name} {tool.version}")
def test_every_module_of_ours_that_go_mod_names_is_part_of_the_key(tool: PinnedTool) -> None:
    named = re.findall(r"=> \.\./(\S+)", (tool.module_folder / "go.mod").read_text())
    assert list(tool.replacements) == named


def _pinned(tool: PinnedTool) -> str:
    """Return the version of the tool's own module.

    It has the tool's name if the main package is ours, or else is the first that go.mod asks for.
    """
    pins = {
        words[0]: words[1]
        for line in (tool.module_folder / "go.mod").read_text().splitlines()
        if len(words := line.removeprefix("require ").split()) > 1 and words[1].startswith("v")
    }
    package = (
        tool.package
        if tool.package != "."
        else next(
            (name for name in pins if name.endswith(f"/{tool.name.removesuffix('-older')}")),
            next(name for name in pins if "/" in name),
        )
    )
    return pins[max((module for module in pins if f"{package}/".startswith(f"{module}/")), key=len)]


def _range(tool: str) -> VersionRange:
    versions = BY_NAME[tool].on_path
    assert versions is not None
    return versions
