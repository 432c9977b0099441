"""CHANGELOG.md has the version that pyproject.toml says, on top."""

import re
import tomllib

from tests.unit.docs.documents import text


def test_the_newest_entry_is_the_version() -> None:
    version = tomllib.loads(text("pyproject.toml"))["project"]["version"]
    assert re.findall(r"^## \[([^\]]+)\] - ", text("CHANGELOG.md"), re.MULTILINE)[0] == version
