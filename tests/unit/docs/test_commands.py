"""Commands in the documents exist: make targets, modules of Python, settings, and paths of the project."""

import importlib
import importlib.util
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from components import commands
from tests.unit.docs.documents import DOCUMENTS, REPOSITORY, code, name, tables

OLD_COMMANDS = "CHANGELOG.md"
"""The one document that still names commands and settings from before."""


def snippets(document: Path) -> Iterator[str]:
    """Yield each line of code in a document: of its blocks, and between backticks."""
    content = document.read_text(encoding="utf-8")
    for block in re.findall(r"^ *```\w*\n(.*?)^ *```$", content, re.MULTILINE | re.DOTALL):
        yield from block.splitlines()
    prose = re.sub(r"^ *```.*?^ *```$", "", content, flags=re.MULTILINE | re.DOTALL)
    yield from re.findall(r"`([^`\n]+)`", prose)


def found(pattern: str, *, but: str = "") -> set[str]:
    """Return what the pattern's group has in the code of any document."""
    return {
        match
        for document in DOCUMENTS
        if name(document) != but
        for line in snippets(document)
        for match in re.findall(pattern, line)
    }


def test_every_make_target_exists() -> None:
    named = found(r"(?:^\s*|\S+=\S+ )make ([a-z-]+)")
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    assert {"up", "down", "test"} <= named
    assert named <= targets


def test_every_module_that_is_run_exists() -> None:
    modules = found(r"python -m ([\w.]+)", but=OLD_COMMANDS)
    assert "components" in modules
    assert {module for module in modules if importlib.util.find_spec(module) is None} == set()


def test_every_command_of_the_program_exists_and_is_documented() -> None:
    modules = [module.name for module in pkgutil.iter_modules(commands.__path__)]
    loaded = [importlib.import_module(f"{commands.__name__}.{module}") for module in modules]
    existing = {module.NAME for module in loaded if hasattr(module, "NAME")}
    assert found(r"python -m components ([a-z-]+)", but=OLD_COMMANDS) == existing


def test_every_setting_that_is_set_exists() -> None:
    settings = {code(setting)[0] for setting, *_ in tables("docs/settings.md", "Setting")}
    sections = {setting.partition(".")[0] for setting in settings}
    named = found(r"pulumi config set (?:--path |--secret )*'?(?:vault-autounseal:)?([\w.]+)")
    assert named
    assert {setting for setting in named if setting not in settings | sections} == set()


def test_every_setting_that_is_named_exists() -> None:
    settings = {code(setting)[0] for setting, *_ in tables("docs/settings.md", "Setting")}
    sections = "|".join({setting.partition(".")[0] for setting in settings if "." in setting})
    named = found(rf"^(?:migrateFrom\.)?((?:{sections})\.(?!py$)[a-zA-Z.]+)(?:: .*)?$", but=OLD_COMMANDS)
    assert "key.alias" in named
    # A section such as transit.tls.caSecret is named as a whole, too.
    wholes = {setting.rpartition(".")[0] for setting in settings}
    values = {
        value
        for first_column in ("In the file", "Value", "Value of the chart")
        for cell, *_ in tables("docs/values-files.md", first_column)
        for value in code(cell)
    }
    entries_of_a_secret = {"tls.crt", "tls.key"}
    assert named - settings - wholes - values - entries_of_a_secret == set()


def test_every_output_that_is_read_exists() -> None:
    outputs = {output for outputs, *_ in tables("docs/settings.md", "Output") for output in code(outputs)}
    named = found(r"pulumi stack output ([a-z_]+)")
    assert "root_token" in named
    assert named <= outputs


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_path_exists(document: Path) -> None:
    paths = {
        match
        for line in snippets(document)
        for match in re.findall(r"^(?:components|sandbox|tests|docs)/[\w./<>-]+$", line)
    }
    assert {path for path in paths if "<" not in path and not (REPOSITORY / path).exists()} == set()
