"""An older SDK of Pulumi's, fetched before the tests: where they run there is no way out to the network.

`python -m tests.end_to_end.older_sdk` fetches it, unless it is there.
"""

import subprocess
import sys
from pathlib import Path

from sandbox.layout import tools_cache

VERSION = "3.259.0"


def wheels() -> Path:
    """Return the folder that the SDK's wheel is kept in."""
    return tools_cache().parent / "wheels"


def fetch() -> None:
    """Download the wheel without what it depends on."""
    if not list(wheels().glob(f"pulumi-{VERSION}-*.whl")):
        _pip("download", "--no-deps", f"--dest={wheels()}", f"pulumi=={VERSION}")


def install(folder: Path) -> None:
    """Install the fetched SDK into a folder of its own."""
    offline = ("--no-index", f"--find-links={wheels()}")
    _pip("install", "--no-deps", "--no-compile", *offline, f"--target={folder}", f"pulumi=={VERSION}")


def _pip(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "pip", *arguments, "--quiet"], check=True, timeout=300)


if __name__ == "__main__":
    fetch()
