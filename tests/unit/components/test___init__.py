"""The list of folders is the one that the import rules go by."""

import re
import tomllib

import components
from sandbox.layout import REPOSITORY

FOLDERS = {path.parent.name for path in (REPOSITORY / "components").glob("*/__init__.py")}


def test_every_folder_is_listed_in_the_order_of_the_import_rules() -> None:
    rules = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    (layers,) = [
        rule["layers"] for rule in rules["contracts"] if rule["name"].startswith("Folders import downwards")
    ]
    floors = {name: floor for floor, layer in enumerate(layers) for name in layer.split(" | ")}
    lines = re.findall(r"^- (.*?):", components.__doc__ or "", re.MULTILINE)
    listed = [name for line in lines for name in re.findall(r"`(\w+)`", line)]
    assert sorted(listed) == sorted(FOLDERS)
    assert [floors[name] for name in listed] == sorted(floors[name] for name in listed)
