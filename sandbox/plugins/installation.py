"""Provider plugins for the engine: real ones wherever they can be had, stand-ins where not."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Literal

from sandbox.errors import SandboxError
from sandbox.layout import REPOSITORY, Layout

PROVIDERS = ("aws", "gcp", "kubernetes")
"""Those of the program."""
_MARKER = "# A stand-in of the sandbox for the Pulumi provider plugin"
_DOWNLOAD_SECONDS = 120


@dataclass(frozen=True)
class InstalledPlugin:
    """A provider plugin that the engine will find; ``version`` is the one that the Python SDK asks for."""

    name: str
    version: str
    kind: Literal["real", "stand-in"]
    path: Path
    reason: str
    """Why this one is used, for the user to read."""


class PluginError(SandboxError):
    """A provider plugin can't be put where the engine looks for it."""


def install_plugins(
    layout: Layout,
    *,
    download: bool,
    search_path: str | None = None,
    providers: Sequence[str] = PROVIDERS,
) -> list[InstalledPlugin]:
    """Make sure that the engine finds a plugin for each provider, and tell which.

    A real plugin on ``search_path`` (the ``PATH`` that the engine will be run with; this process's own by
    default) or in ``layout.pulumi_home`` always wins. Otherwise, with ``download``, the ``pulumi`` found on
    ``search_path`` tries to install the real one; where that fails, or without ``download``, a stand-in is
    put into its place.

    The engine looks on ``PATH`` first and then for exactly the version that the program's SDK names
    (https://www.pulumi.com/docs/iac/concepts/plugins/).
    """
    path = os.environ.get("PATH", os.defpath) if search_path is None else search_path
    return [_install(layout, name, download=download, search_path=path) for name in providers]


def _install(layout: Layout, name: str, *, download: bool, search_path: str) -> InstalledPlugin:
    version = installed_version(f"pulumi-{name}")
    executable = f"pulumi-resource-{name}"
    ambient = shutil.which(executable, path=search_path)
    if ambient is not None and not is_stand_in(Path(ambient)):
        return InstalledPlugin(name, version, "real", Path(ambient), "found on PATH")
    folder = layout.pulumi_home / "plugins" / f"resource-{name}-v{version}"
    launcher = folder / executable
    if _is_complete(folder, launcher) and not is_stand_in(launcher):
        return InstalledPlugin(name, version, "real", launcher, "installed")
    reason = "the real plugin is not installed"
    if download:
        failure = _download(layout, name, version, search_path)
        if failure is None and _is_complete(folder, launcher):
            return InstalledPlugin(name, version, "real", launcher, "downloaded")
        reason = f"the real plugin can't be downloaded ({failure or 'nothing was installed'})"
    _write_launcher(launcher, name, version)
    return InstalledPlugin(name, version, "stand-in", launcher, reason)


def is_stand_in(executable: Path) -> bool:
    """Tell if this is one of our launchers."""
    with executable.open("rb") as file:
        return _MARKER.encode() in file.read(400)


def _is_complete(folder: Path, launcher: Path) -> bool:
    """Tell if the engine takes the folder for an installed plugin; ``.partial`` marks a download that broke
    off.
    """
    return launcher.is_file() and not folder.with_name(folder.name + ".partial").exists()


def _download(layout: Layout, name: str, version: str, search_path: str) -> str | None:
    """Let ``pulumi`` install the real plugin; returns what went wrong, if something did."""
    pulumi = shutil.which("pulumi", path=search_path)
    if pulumi is None:
        return "there is no pulumi on PATH"
    folder = layout.pulumi_home / "plugins" / f"resource-{name}-v{version}"
    if folder.exists():
        shutil.rmtree(folder)
    environment = {
        **os.environ,
        "PATH": search_path,
        "PULUMI_HOME": str(layout.pulumi_home),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }
    try:
        result = subprocess.run(
            [pulumi, "plugin", "install", "resource", name, version],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_DOWNLOAD_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no end after {_DOWNLOAD_SECONDS} s"
    except OSError as error:
        return f"{pulumi} can't be run: {error}"
    if result.returncode == 0:
        return None
    lines = [line.strip() for line in result.stderr.splitlines() if line.strip()]
    reasons = [line for line in lines if "Error downloading plugin: " in line] or lines
    return reasons[-1] if reasons else f"pulumi ended with exit code {result.returncode}"


def _write_launcher(launcher: Path, name: str, version: str) -> None:
    """Write the small script which the engine starts as the plugin.

    It keeps compiled modules even if the user's environment forbids that: every command of the engine would
    compile them again.
    """
    script = (
        "#!/bin/sh\n"
        f"{_MARKER} {name} {version}.\n"
        f"PYTHONPATH={shlex.quote(str(REPOSITORY))} PYTHONDONTWRITEBYTECODE= "
        f'exec {shlex.quote(sys.executable)} -P -m sandbox.plugins {name} {version} "$@"\n'
    )
    try:
        folder = launcher.parent
        folder.with_name(folder.name + ".partial").unlink(missing_ok=True)
        folder.mkdir(parents=True, exist_ok=True)
        launcher.write_text(script)
        launcher.chmod(0o755)
    except OSError as error:
        raise PluginError(f"can't write the stand-in for the provider plugin {name}: {error}") from error
