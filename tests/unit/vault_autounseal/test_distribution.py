"""What is installed with the package are the libraries that everything is tested with, or later ones."""

import re
import tomllib

from sandbox.layout import REPOSITORY

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
PINS = dict(re.findall(r"^([\w-]+)==(\S+)$", (REPOSITORY / "requirements.txt").read_text(), re.MULTILINE))


def test_lowest_versions_are_the_tested_ones() -> None:
    lowest = dict(re.findall(r"([\w-]+)>=([\w.]+)", " ".join(PROJECT["project"]["dependencies"])))
    assert lowest == PINS


def test_builder_is_the_one_that_the_tests_have() -> None:
    files = [REPOSITORY / layer / "requirements.txt" for layer in ("sandbox", "tests")]
    (pinned,) = re.findall(r"^uv==(\S+)$", "".join(file.read_text() for file in files), re.MULTILINE)
    assert PROJECT["build-system"]["requires"][0].startswith(f"uv_build>={pinned},")
