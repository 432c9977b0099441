"""Runs ``go build`` for the tools, two commands at a time."""

import asyncio
import json
import os
import re
import shutil
import subprocess
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from sandbox.build.go_toolchain import go_environment
from sandbox.build.pinned_tools import ModuleFiles, PinnedTool, ToolError
from sandbox.progress import Progress, Step

# One command at a time would leave a core idle while it downloads, loads packages and links.
_AT_ONCE = 2

_PACKAGE_PATH = re.compile(r"[\w.~/-]+")
_OUTPUT_LINES_SHOWN = 25
_VERSION_SECONDS = 30


@dataclass(frozen=True)
class GoBuild:
    """One ``go build`` command, for tools of one module with the same flags."""

    tools: tuple[PinnedTool, ...]

    @property
    def title(self) -> str:
        """The programs and their version."""
        return f"{', '.join(tool.name for tool in self.tools)} {self.tools[0].version}"


def go_builds(tools: Sequence[PinnedTool]) -> Sequence[GoBuild]:
    """Group neighbouring tools that one command can build."""
    groups = groupby(tools, key=lambda tool: (tool.module, tool.linker_flags, tool.tags))
    return [GoBuild(tuple(together)) for _, together in groups]


def run_builds(
    go: Path, builds: Sequence[GoBuild], destinations: Mapping[str, Path], folder: Path, progress: Progress
) -> None:
    """Build everything, in the given order, and put each program at its destination by the tool's name.

    A destination appears when it is complete. The first failure, or an interrupt, ends the other build,
    too; ``folder``, which has to be on the destinations' file system, then has nothing left of them.

    Raises ``ToolError`` if a build fails, with the end of its output.
    """
    try:
        asyncio.run(_run_builds(go, builds, destinations, folder, progress))
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None


def version_output(tool: PinnedTool, program: Path) -> str | None:
    """Return what the program prints when asked for its version; None if it does not run."""
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


async def _run_builds(
    go: Path, builds: Sequence[GoBuild], destinations: Mapping[str, Path], folder: Path, progress: Progress
) -> None:
    waiting = iter(enumerate(builds, start=1))

    async def run_next(waiting: Iterator[tuple[int, GoBuild]]) -> None:
        for number, build in waiting:
            partial = folder / f".{build.tools[0].name}.partial"
            with progress.step(f"[{number}/{len(builds)}] Building {build.title}") as step:
                try:
                    await _build(go, build, partial, step)
                    _move(go, build, partial, destinations)
                finally:
                    shutil.rmtree(partial, ignore_errors=True)

    async with asyncio.TaskGroup() as group:
        for _ in range(_AT_ONCE):
            group.create_task(run_next(waiting))


async def _build(go: Path, build: GoBuild, partial: Path, step: Step) -> None:
    linker_flags = " ".join(build.tools[0].linker_flags)
    # -v names each package as it is compiled, which is all that Go tells about how far it is.
    argv = [str(go), "build", "-v", "-mod=readonly", "-trimpath", f"-ldflags={linker_flags}"]
    # What the linker would leave out (-w) needn't be compiled.
    argv += ["-gcflags=all=-dwarf=false", f"-tags={','.join(build.tools[0].tags)}"]
    # Go takes a path that ends in a slash for a folder, and names the programs by their packages.
    argv += ["-o", f"{partial}/", *(tool.package for tool in build.tools)]
    output, code = await _run(argv, cwd=build.tools[0].module_folder, step=step)
    if code != 0:
        raise ToolError(
            f"Building {build.title} failed (go build ended with {code}). "
            f"The end of its output:\n{output}\n"
            "Fix the cause (often the network, or a full disk) and run `make up` again: "
            "what is built stays, and this build goes on where it stopped."
        )


async def _run(argv: Sequence[str], *, cwd: Path, step: Step) -> tuple[str, int]:
    """Run to the end; return the last lines that are more than a package's name, and the exit code."""
    kept: deque[str] = deque(maxlen=_OUTPUT_LINES_SHOWN)
    process = await asyncio.create_subprocess_exec(
        *argv, cwd=cwd, env=go_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if process.stdout is None:
        raise AssertionError("a piped process has a standard output")
    try:
        async for encoded in process.stdout:
            line = encoded.decode(errors="replace").rstrip()
            step.detail(line)
            if _PACKAGE_PATH.fullmatch(line) is None:
                kept.append(line)
        return "\n".join(kept), await process.wait()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


def _move(go: Path, build: GoBuild, partial: Path, destinations: Mapping[str, Path]) -> None:
    for tool in build.tools:
        _check_version(tool, partial / tool.name)
        destination = destinations[tool.name]
        destination.parent.mkdir(parents=True, exist_ok=True)
        if tool.files is not None:
            _copy_module_files(go, tool, tool.files, destination.parent)
        (partial / tool.name).rename(destination)


def _check_version(tool: PinnedTool, program: Path) -> None:
    if not tool.version_arguments:
        return
    version = version_output(tool, program)
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
            "Fix the cause and run `make up` again."
        )
    source = Path(json.loads(result.stdout)["Dir"])
    for path in files.paths:
        copy = destination / Path(path).name
        shutil.copyfile(source / path, copy)
        copy.chmod(0o755)
