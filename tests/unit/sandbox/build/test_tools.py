"""Finding and building the tools, with a Go that only pretends to compile."""

import io
import os
import re
import shutil
from dataclasses import fields
from pathlib import Path

import pytest

from sandbox.build.pinned_tools import OLDER_KUBERNETES, OLDER_KUBERNETES_TOOLS, PINNED_TOOLS
from sandbox.build.tools import ToolError, Tools, built_path, find_tools, obtain_tools
from sandbox.layout import Layout
from sandbox.progress import Progress

# Writes, instead of programs, scripts that print the versions of all tools, one of which is theirs.
# The file `break` names a package: building that one leaves half a file and fails, once what the
# file `wait` names is being built, which never ends by itself and records that it was ended.
GO = """#!/bin/sh
state=$(dirname "$0")/../state
case "$1 $2" in
"version ") echo 'go version go1.99.0 linux/amd64' ;;
"mod download") printf '{"Dir": "%s/module"}' "$state" ;;
build*)
    while [ "$1" != -o ]; do shift; done
    folder=$2
    shift 2
    echo "$*" >>"$state/builds"
    echo example.org/some/package
    mkdir -p "$folder"
    for package; do
        name=$(cd "$package" 2>/dev/null; pwd)
        [ "$package" = . ] || name=$package
        output=$folder/${name##*/}
        if [ "$package" = "$(cat "$state/wait")" ]; then
            trap 'echo "$package" >"$state/ended"; exit 143' TERM
            printf half >"$output"
            while :; do sleep 0.02; done
        fi
        if [ "$package" = "$(cat "$state/break")" ]; then
            while [ -s "$state/wait" ] && ! grep -q half "$folder"/../.*/* 2>/dev/null; do sleep 0.02; done
            printf '#!/bin/sh\\nhalf' >"$output"
            echo '# example.org/broken' && echo 'main.go:7: no space left on device'
            exit 1
        fi
        printf '#!/bin/sh\\necho VERSIONS' >"$output"
        chmod +x "$output"
    done
    ;;
esac
""".replace("VERSIONS", " ".join(tool.version for tool in (*PINNED_TOOLS, *OLDER_KUBERNETES_TOOLS)))


class Machine:
    """A PATH with a pretended Go, and a record of what it was asked to build."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bin, self.state = folder / "bin", folder / "state"
        self.bin.mkdir()
        (self.state / "module/python/dist").mkdir(parents=True)
        (self.state / "module/python/cmd").mkdir()
        (self.state / "module/python/dist/pulumi-resource-pulumi-python").write_text("#!/bin/sh\n")
        (self.state / "module/python/cmd/pulumi-language-python-exec").write_text("#!/usr/bin/env python\n")
        for command in ("cat", "chmod", "dirname", "grep", "mkdir", "sleep"):
            found = shutil.which(command)
            assert found is not None
            (self.bin / command).symlink_to(found)
        self.script("go", GO)
        self.break_build_of("")
        (self.state / "wait").touch()
        monkeypatch.setenv("PATH", str(self.bin))
        self.layout = Layout(folder / "home", tools=folder / "cache")

    def script(self, name: str, content: str) -> Path:
        path = self.bin / name
        path.write_text(content)
        path.chmod(0o755)
        return path

    def break_build_of(self, package: str) -> None:
        (self.state / "break").write_text(package)

    def builds(self) -> list[str]:
        """The packages of each build since the last call."""
        record = self.state / "builds"
        built = record.read_text().splitlines() if record.exists() else []
        record.unlink(missing_ok=True)
        return built

    def obtain(self) -> tuple[Tools, list[str]]:
        """The tools, and the lines that the progress display wrote."""
        stream = io.StringIO()
        return obtain_tools(self.layout, Progress(stream)), stream.getvalue().splitlines()


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def test_everything_missing_is_built_once_and_found_again(machine: Machine) -> None:
    tools, lines = machine.obtain()

    builds = machine.builds()
    assert sorted(package for build in builds for package in build.split()) == sorted(
        tool.package for tool in PINNED_TOOLS
    )
    for field in fields(tools):
        program = getattr(tools, field.name)
        assert os.access(program, os.X_OK), f"{field.name} is no program"
        assert program.is_relative_to(machine.layout.tools)
    assert lines[:2] == [
        f"[1/{len(builds)}] Building vault 1.21.2 ...",
        f"[2/{len(builds)}] Building pulumi-language-python 3.79.0 ...",
    ]
    assert sum(": done in " in line for line in lines) == len(builds)
    assert [folder.name for folder in machine.layout.tools.glob(".*")] == [".lock"]

    again, lines = machine.obtain()
    assert (again, lines, machine.builds()) == (tools, [], [])
    assert find_tools(machine.layout) == tools


def test_another_checkout_of_the_same_user_builds_nothing_again(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "of-the-user"))
    machine.layout = Layout(tmp_path / "first")
    tools, _ = machine.obtain()
    machine.builds()

    machine.layout = Layout(tmp_path / "second")

    assert machine.obtain() == (tools, [])
    assert machine.builds() == []


def test_the_programs_of_kubernetes_share_one_build(machine: Machine) -> None:
    machine.obtain()

    (kubernetes,) = (build.split() for build in machine.builds() if "k8s.io/kubernetes" in build)
    assert len(kubernetes) == 6


def test_the_older_kubernetes_is_built_only_where_it_is_asked_for(machine: Machine) -> None:
    tools, _ = machine.obtain()
    machine.builds()
    with pytest.raises(ToolError, match=r"Not built yet: kube-apiserver 1\.30\.14, "):
        find_tools(machine.layout, OLDER_KUBERNETES)

    older = obtain_tools(machine.layout, Progress(io.StringIO()), OLDER_KUBERNETES)

    (build,) = machine.builds()
    assert build.split() == [tool.package for tool in OLDER_KUBERNETES_TOOLS]
    assert older == find_tools(machine.layout, OLDER_KUBERNETES)
    changed = {
        field.name for field in fields(Tools) if getattr(older, field.name) != getattr(tools, field.name)
    }
    assert changed == {
        *("kube_apiserver", "kube_controller_manager", "kube_scheduler", "kubelet", "kube_proxy", "kubectl")
    }
    assert find_tools(machine.layout) == tools


def test_the_language_host_and_the_dynamic_provider_scripts_are_beside_the_engine(machine: Machine) -> None:
    tools, _ = machine.obtain()

    names = {file.name for file in tools.pulumi.parent.iterdir() if os.access(file, os.X_OK)}
    assert names == {
        "pulumi",
        "pulumi-language-python",
        "pulumi-language-python-exec",
        "pulumi-resource-pulumi-python",
    }


def test_a_failed_build_shows_why_leaves_no_half_program_and_is_taken_up_again(machine: Machine) -> None:
    vault = next(tool for tool in PINNED_TOOLS if tool.name == "vault")
    machine.break_build_of(vault.package)

    with pytest.raises(ToolError) as failure:
        machine.obtain()

    message = str(failure.value)
    assert "Building vault 1.21.2 failed" in message
    assert "no space left on device" in message
    assert "example.org/some/package" not in message, "names of compiled packages only hide the cause"
    assert "make up" in message
    assert not built_path(machine.layout, vault).exists()
    with pytest.raises(ToolError, match=r"Not built yet: vault 1\.21\.2.* Run `make up`"):
        find_tools(machine.layout)

    machine.break_build_of("")
    tools, lines = machine.obtain()
    assert "Building vault 1.21.2 ..." in lines[0]
    assert "half" not in tools.vault.read_text()


def test_a_failed_build_ends_the_one_beside_it(machine: Machine) -> None:
    vault = next(tool for tool in PINNED_TOOLS if tool.name == "vault")
    host = next(tool for tool in PINNED_TOOLS if tool.name == "pulumi-language-python")
    (machine.state / "wait").write_text(vault.package)
    machine.break_build_of(host.package)

    with pytest.raises(ToolError, match=r"Building pulumi-language-python 3\.79\.0 failed"):
        machine.obtain()

    assert (machine.state / "ended").read_text().split() == [vault.package]
    assert [folder.name for folder in machine.layout.tools.iterdir()] == [".lock"]


def test_a_build_of_another_version_than_the_pin_is_refused(machine: Machine) -> None:
    machine.script("go", re.sub(r"echo [\d. ]+'", "echo v0.0.0'", GO))

    with pytest.raises(ToolError, match=r"vault was built, but .* answers 'v0\.0\.0\\n' instead of 1\.21\.2"):
        machine.obtain()


def test_an_acceptable_tool_on_path_is_used_and_another_version_is_not(machine: Machine) -> None:
    helm = machine.script("helm", "#!/bin/sh\necho v3.15.1+g1234567\n")
    machine.script("kubectl", "#!/bin/sh\necho Client Version: v1.32.4-dispatcher\n")
    machine.script("coredns", "#!/bin/sh\nexit 1\n")

    tools, _ = machine.obtain()

    assert tools.helm == helm
    assert tools.kubectl.is_relative_to(machine.layout.tools)
    assert tools.coredns.is_relative_to(machine.layout.tools)
    assert "helm.sh/helm/v3/cmd/helm" not in machine.builds()


def test_a_vault_on_path_that_could_not_run_in_an_image_is_not_used(machine: Machine) -> None:
    machine.script("vault", "#!/bin/sh\necho Vault v1.21.2\n")

    tools, _ = machine.obtain()

    assert tools.vault.is_relative_to(machine.layout.tools)


def test_an_engine_on_path_is_used_only_with_its_language_host_and_script(machine: Machine) -> None:
    engine = machine.script("pulumi", "#!/bin/sh\necho v3.300.0\n")
    host = machine.script("pulumi-language-python", "#!/bin/sh\n")

    tools, _ = machine.obtain()
    assert tools.pulumi.is_relative_to(machine.layout.tools)
    assert tools.pulumi_language_python.parent == tools.pulumi.parent

    machine.script("pulumi-resource-pulumi-python", "#!/bin/sh\n")
    tools, _ = machine.obtain()
    assert (tools.pulumi, tools.pulumi_language_python) == (engine, host)


def test_the_search_path_has_the_virtual_environment_then_what_was_built_then_path(machine: Machine) -> None:
    machine.script("helm", "#!/bin/sh\necho v3.15.1\n")
    tools, _ = machine.obtain()

    folders = tools.search_path(Path("venv/bin")).split(os.pathsep)

    assert folders == ["venv/bin", str(tools.pulumi.parent), str(tools.kubectl.parent), str(machine.bin)]
