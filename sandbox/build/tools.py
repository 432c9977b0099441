"""Finds the programs that the sandbox runs, and builds from their Go modules those that are missing."""

import fcntl
import json
import os
import re
import shutil
import subprocess
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sandbox.build.elf import is_statically_linked
from sandbox.build.go_toolchain import go_environment, obtain_go
from sandbox.build.pinned_tools import PINNED_TOOLS, ModuleFiles, PinnedTool, ToolError
from sandbox.layout import Layout
from sandbox.progress import Progress, Step

__all__ = ["ToolError", "Tools", "built_path", "find_tools", "obtain_tools"]

_PACKAGE_PATH = re.compile(r"[\w.~/-]+")
_OUTPUT_LINES_SHOWN = 25
_VERSION_SECONDS = 30


@dataclass(frozen=True)
class Tools:
    """Where each program is."""

    pulumi: Path
    pulumi_language_python: Path
    helm: Path
    vault: Path
    vault_k8s: Path
    kube_apiserver: Path
    kube_controller_manager: Path
    kube_scheduler: Path
    kubelet: Path
    kube_proxy: Path
    kubectl: Path
    coredns: Path
    pause: Path

    def search_path(self, venv_bin: Path) -> str:
        """The PATH with which Pulumi is run.

        ``venv_bin`` comes first: the language host and the dynamic providers' script run
        whatever ``python`` and ``python3`` they find. Then come the programs that the engine,
        the program and the provider plugins start, then the PATH that is set now.
        """
        present = os.environ.get("PATH", os.defpath).split(os.pathsep)
        folders = [str(program.parent) for program in (self.pulumi, self.helm, self.kubectl)]
        # What was found on PATH is found there again; its folder (say /usr/bin) must not overtake others.
        built = [folder for folder in dict.fromkeys(folders) if folder not in present]
        return os.pathsep.join([str(venv_bin), *built, *present])


def find_tools(layout: Layout) -> Tools:
    """Every program, from PATH or built earlier; builds nothing.

    Raises ``ToolError`` that names what is missing.
    """
    paths = _paths(layout)
    missing = [tool for tool in PINNED_TOOLS if not paths[tool.name].exists()]
    if missing:
        names = ", ".join(f"{tool.name} {tool.version}" for tool in missing)
        raise ToolError(f"Not built yet: {names}. Run `make up`, which builds what is missing.")
    return _tools(paths)


def obtain_tools(layout: Layout, progress: Progress) -> Tools:
    """Every program, from PATH, built earlier, or built now.

    Builds run one after another, as each uses every core. A build that was interrupted
    leaves no half a program, and Go's own cache lets it go on where it stopped.

    Raises ``ToolError`` when Go cannot be had or a build fails, with the end of its output.
    """
    paths = _paths(layout)
    if all(path.exists() for path in paths.values()):
        return _tools(paths)
    layout.tools.mkdir(parents=True, exist_ok=True)
    with _only_builder(layout, progress):
        # Looked at again under the lock: whoever held it may have built them meanwhile.
        missing = [tool for tool in PINNED_TOOLS if not paths[tool.name].exists()]
        if missing:
            go = obtain_go(layout, progress)
            for number, tool in enumerate(missing, start=1):
                with progress.step(f"[{number}/{len(missing)}] Building {tool.name} {tool.version}") as step:
                    _build(go, tool, paths[tool.name], step)
    return _tools(paths)


def built_path(layout: Layout, tool: PinnedTool) -> Path:
    """Where the tool is, or will be, once built; another pin or flag gives another folder."""
    owner = tool.beside or tool.name
    together = [other for other in PINNED_TOOLS if owner in (other.name, other.beside)]
    version = next(other.version for other in together if other.name == owner)
    keys = "-".join(other.build_key() for other in together)
    return layout.tools / f"{owner}-{version}-{keys}" / tool.name


def _paths(layout: Layout) -> dict[str, Path]:
    on_path = {tool.name: path for tool in PINNED_TOOLS if (path := _acceptable_on_path(tool)) is not None}
    for tool in PINNED_TOOLS:
        if tool.beside in on_path and (found := shutil.which(tool.name)) is not None:
            on_path[tool.name] = Path(found)
    return {tool.name: on_path.get(tool.name, built_path(layout, tool)) for tool in PINNED_TOOLS}


def _acceptable_on_path(tool: PinnedTool) -> Path | None:
    found = shutil.which(tool.name)
    if found is None or tool.on_path is None:
        return None
    if any(shutil.which(companion) is None for companion in tool.companions):
        return None
    path = Path(found)
    if tool.runs_in_image and not is_statically_linked(path):
        return None
    version = _version_output(tool, path)
    return path if version is not None and tool.on_path.accepts(version) else None


def _version_output(tool: PinnedTool, program: Path) -> str | None:
    """What the program prints when asked for its version; None when it does not run."""
    try:
        result = subprocess.run(
            [program, *tool.version_arguments],
            capture_output=True,
            text=True,
            timeout=_VERSION_SECONDS,
            env={**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return result.stdout if result.returncode == 0 else None


@contextmanager
def _only_builder(layout: Layout, progress: Progress) -> Iterator[None]:
    """Waits while another process builds: two builds at once would write the same files."""
    with (layout.tools / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with progress.step("Waiting for another process that builds tools"):
                fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(go: Path, tool: PinnedTool, destination: Path, step: Step) -> None:
    destination.parent.mkdir(parents=True, exist_ok=True)
    partial = destination.with_name(f".{destination.name}.partial")
    linker_flags = " ".join(tool.linker_flags)
    # -v names each package as it is compiled, which is all that Go tells about how far it is.
    argv = [str(go), "build", "-v", "-mod=readonly", "-trimpath", f"-ldflags={linker_flags}"]
    output, code = _run(
        [*argv, "-o", str(partial), tool.package],
        cwd=tool.module_folder,
        environment=go_environment(),
        step=step,
    )
    if code != 0:
        raise ToolError(
            f"Building {tool.name} {tool.version} failed (go build ended with {code}). "
            f"The end of its output:\n{output}\n"
            "Mend the cause (often the network, or a full disk) and run `make up` again: "
            "what is built stays, and this build goes on where it stopped."
        )
    _check_version(tool, partial)
    if tool.files is not None:
        _copy_module_files(go, tool, tool.files, destination.parent)
    partial.rename(destination)


def _check_version(tool: PinnedTool, program: Path) -> None:
    if not tool.version_arguments:
        return
    version = _version_output(tool, program)
    if version is None or tool.version not in version:
        raise ToolError(
            f"{tool.name} was built, but `{tool.name} {' '.join(tool.version_arguments)}` "
            f"answers {version!r} instead of {tool.version}: "
            f"the go.mod in {tool.module_folder} and the version in pinned_tools.py disagree."
        )


def _copy_module_files(go: Path, tool: PinnedTool, files: ModuleFiles, destination: Path) -> None:
    # Without a version after the module's name this is the one that go.mod pins, checked against go.sum.
    result = subprocess.run(
        [go, "mod", "download", "-json", files.module],
        cwd=tool.module_folder,
        env=go_environment(),
        capture_output=True,
        text=True,
    )
    if result.returncode != 0:
        raise ToolError(
            f"Downloading the Go module {files.module} failed:\n{result.stdout}{result.stderr}\n"
            "Mend the cause and run `make up` again."
        )
    source = Path(json.loads(result.stdout)["Dir"])
    for path in files.paths:
        copy = destination / Path(path).name
        shutil.copyfile(source / path, copy)
        copy.chmod(0o755)


def _run(argv: list[str], *, cwd: Path, environment: Mapping[str, str], step: Step) -> tuple[str, int]:
    """Runs to the end; returns the last lines that are more than a package's name, and the exit code."""
    kept: deque[str] = deque(maxlen=_OUTPUT_LINES_SHOWN)
    with subprocess.Popen(
        argv, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        if process.stdout is None:
            raise AssertionError("a piped process has a standard output")
        try:
            for line in map(str.rstrip, process.stdout):
                step.detail(line)
                if _PACKAGE_PATH.fullmatch(line) is None:
                    kept.append(line)
        except BaseException:
            process.terminate()
            raise
    return "\n".join(kept), process.returncode


def _tools(paths: Mapping[str, Path]) -> Tools:
    return Tools(
        pulumi=paths["pulumi"],
        pulumi_language_python=paths["pulumi-language-python"],
        helm=paths["helm"],
        vault=paths["vault"],
        vault_k8s=paths["vault-k8s"],
        kube_apiserver=paths["kube-apiserver"],
        kube_controller_manager=paths["kube-controller-manager"],
        kube_scheduler=paths["kube-scheduler"],
        kubelet=paths["kubelet"],
        kube_proxy=paths["kube-proxy"],
        kubectl=paths["kubectl"],
        coredns=paths["coredns"],
        pause=paths["pause"],
    )
