"""What changes between two runs: the code, Pulumi's SDK, the resource's name, the provider's module."""

import dataclasses
import shutil
import subprocess
import sys
from pathlib import Path

from sandbox.layout import REPOSITORY
from sandbox.stack import SandboxStack
from tests.end_to_end import older_sdk
from tests.end_to_end.faults import unreliable_store
from tests.end_to_end.faults.bench import Bench

RENAMED = "vault-init"


def code_edited(bench: Bench) -> None:
    """A run is killed after the keys were stored, and every module is edited before the next run."""
    bench.configure()
    bench.order(unreliable_store.KILL_AFTER)
    with bench.start() as run:
        run.await_killed()
    bench.unlock()
    edited = _copy_of_the_program(bench)
    for module in (edited.program / "components").rglob("*.py"):
        module.write_text(module.read_text() + "\n\nEDITED = True\n")
    bench.up(stack=edited)
    bench.up(more=["--expect-no-changes"])


def sdk_upgraded(bench: Bench) -> None:
    """The first run uses an older SDK of Pulumi's for Python, the next one that of the requirements."""
    older = bench.folder / "older-sdk"
    older_sdk.install(older)
    with_older = {"PYTHONPATH": str(older)}
    assert _sdk_version(with_older) == older_sdk.VERSION != _sdk_version({})
    bench.configure(custody=None)
    # Python keeps the compiled form beside what it runs, unless it is told not to.
    bench.up(environment={**with_older, "PYTHONDONTWRITEBYTECODE": ""})
    assert list((older / "pulumi" / "dynamic").glob("__pycache__/*.pyc")), "the older SDK wasn't used"
    shares = bench.stored_shares()
    bench.up(more=["--expect-no-changes"])
    assert bench.stored_shares() == shares


def resource_renamed(bench: Bench) -> None:
    """The resource of the init gets another name, and the old one as an alias."""
    bench.configure(custody=None)
    bench.up()
    shares = bench.stored_shares()
    renamed = _copy_of_the_program(bench)
    chapters = renamed.program / "components" / "deployment.py"
    _edit(chapters, '"operator-init",', f'"{RENAMED}",')
    _edit(
        chapters,
        "opts=pulumi.ResourceOptions(depends_on=[release, *custody.prerequisites]),",
        "opts=pulumi.ResourceOptions(\n"
        "            depends_on=[release, *custody.prerequisites],\n"
        '            aliases=[pulumi.Alias(name="operator-init")],\n'
        "        ),",
    )
    said = bench.up(stack=renamed)
    assert "replac" not in said
    assert bench.stored_shares() == shares
    assert f"::{RENAMED}" in bench.run("stack", "export")


def provider_module_moved(bench: Bench) -> None:
    """The module of the init's provider gets another name; the state still names the old one."""
    bench.configure(custody=None)
    bench.up()
    shares = bench.stored_shares()
    moved = _copy_of_the_program(bench)
    (moved.program / "components" / "operator_init.py").rename(
        moved.program / "components" / "one_time_init.py"
    )
    for module in [moved.program / "__main__.py", *(moved.program / "components").rglob("*.py")]:
        module.write_text(module.read_text().replace("components.operator_init", "components.one_time_init"))
    said = bench.up(stack=moved)
    assert "replac" not in said
    bench.up(stack=moved, more=["--expect-no-changes"])
    bench.run("refresh", "--yes", "--skip-preview", stack=moved)
    bench.up(stack=moved, more=["--expect-no-changes"])
    assert bench.stored_shares() == shares


def _copy_of_the_program(bench: Bench) -> SandboxStack:
    """The stack, run from a copy of its program that may be edited."""
    folder = bench.folder / "program"
    folder.mkdir()
    for name in ("Pulumi.yaml", "__main__.py", "components"):
        source = REPOSITORY / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / name)
    # Named relative to the program: the kubeconfig, the virtual environment, the store.
    for linked in (".sandbox", ".venv", "sandbox", "tests"):
        (folder / linked).symlink_to(REPOSITORY / linked)
    return dataclasses.replace(bench.stack, program=folder)


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1, f"{path.name} has {old!r} {text.count(old)} times"
    path.write_text(text.replace(old, new))


def _sdk_version(environment: dict[str, str]) -> str:
    return subprocess.run(
        [sys.executable, "-c", "from importlib.metadata import version; print(version('pulumi'))"],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
