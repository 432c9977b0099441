"""A stack that an older commit of the program deployed, and the program of today that goes on with it."""

import json
import subprocess
import tarfile
from collections.abc import Collection, Mapping
from dataclasses import replace
from io import BytesIO
from pathlib import Path

from sandbox.layout import REPOSITORY
from sandbox.stack import SandboxStack
from tests.end_to_end.deployment import Deployment
from tests.end_to_end.older_versions import older_versions

COMMIT = "173377a0792db79fec230160abb1e29ccc8f2b03"
"""The last one with all modules flat in `components/`."""
UPDATED = ("ReleaseGuard", "Release", "InjectorAdmission", "RaftQuorum")
"""Types of the resources that may be updated in place."""
REFRESH = ("refresh", "--yes", "--skip-preview")
UP = ("up", "--yes", "--skip-preview")
DESTROY = ("destroy", "--yes", "--skip-preview")


def require_goes_on(
    deployment: Deployment, settings: Mapping[str, object], folder: Path, *, deleted: Collection[str] = ()
) -> None:
    """Deploy with the older program and versions; preview, refresh, update and destroy with today's program.

    Each begins with the state that the older program left: reading and deleting a resource load the module
    that the state names. ``deleted`` has the types of the resources that the program has no longer.
    """
    settings = {**settings, **older_versions(folder)}
    deployment.configure(settings)
    older = replace(deployment.stack, program=older_program(folder))
    older.pulumi(*UP, quiet=True)
    state = folder / "state.json"
    state.write_text(older.pulumi("stack", "export", quiet=True))
    keys = deployment.outputs()["keys_fingerprint"]

    shown = changes(deployment.stack)
    allowed = {*(("update", name) for name in UPDATED), *(("delete", name) for name in deleted)}
    allowed |= {("create", name) for name in ("JournalKey", "PodRollout", "InjectorRollout")}
    assert shown <= allowed, shown
    deployment.stack.pulumi(*REFRESH, quiet=True)

    give_back(deployment.stack, state)
    deployment.stack.pulumi(*UP, "--refresh", quiet=True)
    assert deployment.outputs()["keys_fingerprint"] == keys
    assert changes(deployment.stack) == set()

    give_back(deployment.stack, state)
    deployment.stack.pulumi(*DESTROY, quiet=True)
    assert not deployment.has_namespace()


def older_program(folder: Path, commit: str = COMMIT) -> Path:
    """The program as it was, in a folder; fails if the repository lacks the commit."""
    program = folder / "older-program"
    archive = subprocess.run(
        ["git", "archive", commit, "Pulumi.yaml", "__main__.py", "components"],
        cwd=REPOSITORY,
        capture_output=True,
        check=False,
    )
    assert archive.returncode == 0, (
        f"commit {commit} can't be had from git, and a clone that has all of its history is needed "
        f"(git fetch --unshallow): {archive.stderr.decode()}"
    )
    with tarfile.open(fileobj=BytesIO(archive.stdout)) as content:
        content.extractall(program, filter="data")
    # Named relative to the program: the kubeconfig and the virtual environment.
    for linked in (".sandbox", ".venv"):
        (program / linked).symlink_to(REPOSITORY / linked)
    return program


def changes(stack: SandboxStack) -> set[tuple[str, str]]:
    """Operation and type of each resource that a preview would not leave as it is."""
    preview = stack.run("preview", "--json")
    assert preview.returncode == 0, preview.stdout + preview.stderr
    steps = json.loads(preview.stdout)["steps"]
    return {
        (step["op"], step["urn"].split("::")[2].rpartition(":")[2])
        for step in steps
        if step["op"] not in ("same", "read")
    }


def give_back(stack: SandboxStack, state: Path) -> None:
    """The stack with that state again, as if nothing had run since."""
    stack.pulumi("stack", "import", "--file", str(state), quiet=True)
