"""The README says what the program does: its settings and defaults, its outputs, its files and commands."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from components.settings.reader import SettingsReader
from tests.unit.commands_on_path import only_commands
from tests.unit.components.stack_settings import EKS, PROJECT, parse
from tests.unit.mocked_account import up

REPOSITORY = Path(__file__).resolve().parents[2]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")

# Settings without which some others aren't read at all.
WHOLE = {**EKS, "ingress": {"host": "vault.example.com"}, "affinity": {}}


def table(first_column: str) -> list[list[str]]:
    """The rows of the table whose first column has that heading, as lists of cells."""
    _, _, after = README.partition(f"\n| {first_column} |")
    rows = after.partition("\n\n")[0].splitlines()[2:]
    assert rows, f"no table with a column {first_column}"
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def code(cell: str) -> list[str]:
    """What a cell has between backticks."""
    return re.findall(r"`([^`]+)`", cell)


def as_written(default: Any) -> str:
    """A default as the table has it."""
    match default:
        case None:
            return "none"
        case "":
            return "required"
        case str():
            return default.replace(EKS["clusterName"], "<clusterName>")
        case _:
            return json.dumps(default)


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """The settings that the program asks for, by the name that `pulumi config set --path` takes."""
    asked: dict[str, str] = {}

    def record(method: str, default: Any) -> None:
        original = getattr(SettingsReader, method)

        def recording(reader: SettingsReader, key: str, *arguments: Any, **options: Any) -> Any:
            name = reader.name(key).removeprefix(f"{PROJECT}:")
            # A required text is read as one with an empty default.
            asked[name] = as_written(arguments[0] if default is ... else default)
            return original(reader, key, *arguments, **options)

        monkeypatch.setattr(SettingsReader, method, recording)

    for method in ("text", "choice", "integer", "flag"):
        record(method, ...)
    record("text_mapping", {})
    record("mapping", {})
    record("skip", None)
    record("secret", None)
    parse(WHOLE)
    # Ingress is asked for as a whole, too: it is an object, and its members are the settings.
    del asked["ingress"]
    return asked


def test_every_setting_is_in_the_table_with_its_default(settings: Mapping[str, str]) -> None:
    documented = {code(name)[0]: default.strip("`") for name, default, _ in table("Setting")}
    assert documented == settings


def test_every_output_is_in_the_table(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    only_commands(monkeypatch, tmp_path, kubectl="echo '{}'", aws="exit 0")
    configuration = {name: str(value) for name, value in EKS.items()}
    documented = {name for row in table("Output") for name in code(row[0])}
    assert documented == up(configuration).outputs.keys()


def test_every_link_leads_to_a_file_or_a_heading() -> None:
    headings = re.findall(r"^#+ (.*)$", README, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
    targets = [target for target in re.findall(r"\]\(([^)]+)\)", README) if "://" not in target]
    assert targets
    broken = [
        target
        for target in targets
        if not (target[1:] in anchors if target.startswith("#") else (REPOSITORY / target).exists())
    ]
    assert broken == []


def test_every_make_target_exists() -> None:
    named = set(re.findall(r"(?:^|`)(?:\S+=\S+ )?make ([a-z-]+)", README, re.MULTILINE))
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    assert {"up", "down", "test"} <= named
    assert named <= targets


def test_the_benchmark_finds_its_place() -> None:
    assert re.search("<!-- bench:begin -->\n.*<!-- bench:end -->", README, re.DOTALL)
