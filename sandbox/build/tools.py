"""Finds the programs that the sandbox runs, and builds from their Go modules those that are missing."""

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sandbox.build.elf import is_statically_linked
from sandbox.build.go_builds import go_builds, run_builds, version_output
from sandbox.build.go_toolchain import obtain_go
from sandbox.build.pinned_tools import (
    KUBERNETES,
    OLDER_KUBERNETES_TOOLS,
    PINNED_TOOLS,
    PinnedTool,
    ToolError,
    pinned_tools,
)
from sandbox.layout import Layout
from sandbox.progress import Progress

__all__ = ["ToolError", "Tools", "built_path", "find_tools", "obtain_tools"]


@dataclass(frozen=True)
class Tools:
    """Where each program is."""

    pulumi: Path
    pulumi_language_python: Path
    helm: Path
    vault: Path
    """Of the newest version that can be built."""
    vault_older: Path
    """Of an older version, which is upgraded to the newest."""
    vault_k8s: Path
    kube_apiserver: Path
    kube_controller_manager: Path
    kube_scheduler: Path
    kubelet: Path
    kube_proxy: Path
    kubectl: Path
    coredns: Path
    pause: Path
    promql: Path
    """Evaluates queries of Prometheus, in tests."""
    rclone: Path
    """Uploads files to object stores."""

    def search_path(self, venv_bin: Path) -> str:
        """Return the PATH with which Pulumi is run.

        ``venv_bin`` comes first: the language host and the dynamic providers' script run
        whatever ``python`` and ``python3`` they find. Then come the programs that the engine,
        the program and the provider plugins start, then the PATH that is set now.
        """
        present = os.environ.get("PATH", os.defpath).split(os.pathsep)
        folders = [str(program.parent) for program in (self.pulumi, self.helm, self.kubectl)]
        # What was found on PATH is found there again; its folder (say /usr/bin) must not overtake others.
        built = [folder for folder in dict.fromkeys(folders) if folder not in present]
        return os.pathsep.join([str(venv_bin), *built, *present])


def find_tools(layout: Layout, kubernetes: str = KUBERNETES) -> Tools:
    """Every program, from PATH or built earlier, with this version of Kubernetes; builds nothing.

    Raises ``ToolError`` that names what is missing.
    """
    pinned = pinned_tools(kubernetes)
    paths = _paths(layout, pinned)
    missing = [tool for tool in pinned if not paths[tool.name].exists()]
    if missing:
        names = ", ".join(f"{tool.name} {tool.version}" for tool in missing)
        raise ToolError(f"Not built yet: {names}. Run `make up`, which builds what is missing.")
    return _tools(paths)


def obtain_tools(layout: Layout, progress: Progress, kubernetes: str = KUBERNETES) -> Tools:
    """Every program, from PATH, built earlier, or built now, with this version of Kubernetes.

    A build that was interrupted leaves no half a program, and Go's own cache lets it go on
    where it stopped.

    Raises ``ToolError`` when Go cannot be had or a build fails, with the end of its output.
    """
    pinned = pinned_tools(kubernetes)
    paths = _paths(layout, pinned)
    if all(path.exists() for path in paths.values()):
        return _tools(paths)
    layout.tools.mkdir(parents=True, exist_ok=True)
    with _only_builder(layout, progress):
        # Looked at again under the lock: whoever held it may have built them meanwhile.
        missing = [tool for tool in pinned if not paths[tool.name].exists()]
        if missing:
            go = obtain_go(layout, progress)
            run_builds(go, go_builds(missing), paths, layout.tools, progress)
    return _tools(paths)


def built_path(layout: Layout, tool: PinnedTool) -> Path:
    """Where the tool is, or will be, once built; another pin or flag gives another folder."""
    owner = tool.beside or tool.name
    pinned = PINNED_TOOLS if tool in PINNED_TOOLS else OLDER_KUBERNETES_TOOLS
    together = [other for other in pinned if owner in (other.name, other.beside)]
    version = next(other.version for other in together if other.name == owner)
    keys = "-".join(other.build_key() for other in together)
    return layout.tools / f"{owner}-{version}-{keys}" / tool.name


def _paths(layout: Layout, pinned: Sequence[PinnedTool]) -> dict[str, Path]:
    on_path = {tool.name: path for tool in pinned if (path := _acceptable_on_path(tool)) is not None}
    for tool in pinned:
        if tool.beside in on_path and (found := shutil.which(tool.name)) is not None:
            on_path[tool.name] = Path(found)
    return {tool.name: on_path.get(tool.name, built_path(layout, tool)) for tool in pinned}


def _acceptable_on_path(tool: PinnedTool) -> Path | None:
    found = shutil.which(tool.name)
    if found is None or tool.on_path is None:
        return None
    if any(shutil.which(companion) is None for companion in tool.companions):
        return None
    path = Path(found)
    if tool.runs_in_image and not is_statically_linked(path):
        return None
    version = version_output(tool, path)
    return path if version is not None and tool.on_path.accepts(version) else None


@contextmanager
def _only_builder(layout: Layout, progress: Progress) -> Iterator[None]:
    """Wait while another process builds: two builds at once would write the same files."""
    with (layout.tools / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with progress.step("Waiting for another process that builds tools"):
                fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _tools(paths: Mapping[str, Path]) -> Tools:
    return Tools(
        pulumi=paths["pulumi"],
        pulumi_language_python=paths["pulumi-language-python"],
        helm=paths["helm"],
        vault=paths["vault"],
        vault_older=paths["vault-older"],
        vault_k8s=paths["vault-k8s"],
        kube_apiserver=paths["kube-apiserver"],
        kube_controller_manager=paths["kube-controller-manager"],
        kube_scheduler=paths["kube-scheduler"],
        kubelet=paths["kubelet"],
        kube_proxy=paths["kube-proxy"],
        kubectl=paths["kubectl"],
        coredns=paths["coredns"],
        pause=paths["pause"],
        promql=paths["promql"],
        rclone=paths["rclone"],
    )
