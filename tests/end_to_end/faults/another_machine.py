"""Another machine than the one on which a run was: without its part of the journal."""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.end_to_end.faults.bench import Bench


def another_machine(bench: Bench) -> Mapping[str, str]:
    """Make another machine with a copy of the state as it is now; what a run on it has in its environment."""
    folder = Path(tempfile.mkdtemp(dir=bench.folder))
    shutil.copytree(bench.stack.state, folder / "backend")
    return {**another_home(bench), "PULUMI_BACKEND_URL": (folder / "backend").as_uri()}


def another_home(bench: Bench) -> Mapping[str, str]:
    """Make another machine with the same state; what a run on it has in its environment."""
    own, other = bench.stack.layout.pulumi_home, Path(tempfile.mkdtemp(dir=bench.folder))
    for entry in own.iterdir():
        if entry.name != "vault-autounseal":
            (other / entry.name).symlink_to(entry)
    return {"PULUMI_HOME": str(other)}
