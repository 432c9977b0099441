"""The package as people install it: a wheel that was built from this repository, without its dependencies."""

import subprocess
import sys
from pathlib import Path

from sandbox.layout import REPOSITORY

_UV = Path(sys.executable).with_name("uv")


def install_package(folder: Path) -> Path:
    """Build the wheel and install it into a folder of its own, to be put on PYTHONPATH; asks no registry."""
    wheels, site = folder / "wheels", folder / "site"
    build = ["build", "--wheel", "--offline", "--no-config", f"--out-dir={wheels}", str(REPOSITORY)]
    _run(*build)
    (wheel,) = wheels.glob("*.whl")
    _run(
        *("pip", "install", "--offline", "--no-config", "--no-deps", f"--python={sys.executable}"),
        *(f"--target={site}", str(wheel)),
    )
    return site


def _run(*arguments: str) -> None:
    result = subprocess.run([_UV, *arguments], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
