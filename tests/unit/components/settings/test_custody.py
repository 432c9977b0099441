"""The section `custody`: which store, and that its own settings are its own business."""

from pathlib import Path
from typing import Any

import pytest

from components.custody.key_store import store_from_properties
from components.custody.stores import file
from components.settings.custody import STORES_OF_THIS_PROGRAM
from tests.unit.fakes import scripted_store
from tests.unit.fakes.stack_settings import PROJECT, SHAMIR, parse, problems

OWN = "tests.unit.fakes.scripted_store"


def custody(**section: Any) -> dict[str, Any]:
    return {**SHAMIR, "custody": section}


@pytest.mark.parametrize("configuration", [SHAMIR, custody(store="state"), custody()])
def test_keys_stay_in_the_state_where_nothing_else_is_said(configuration: dict[str, Any]) -> None:
    settings = parse(configuration).custody
    assert (settings.name, settings.store) == ("state", None)
    # None would be dropped on the way to a dynamic provider.
    assert settings.to_properties() == {}


def test_store_of_this_program_reads_its_own_settings(tmp_path: Path) -> None:
    settings = parse(custody(store="file", path=str(tmp_path / "vault"))).custody
    assert (settings.name, settings.store) == ("file", file.Store(path=str(tmp_path / "vault")))


def test_store_of_a_reader_is_named_by_its_module(tmp_path: Path) -> None:
    settings = parse(custody(store=OWN, folder=str(tmp_path))).custody
    assert (settings.name, settings.store) == (OWN, scripted_store.Store(folder=str(tmp_path)))
    assert store_from_properties(settings.to_properties()) == settings.store


def test_every_store_of_this_program_is_named() -> None:
    modules = [path.stem for path in Path(file.__file__).parent.glob("[!_]*.py")]
    assert sorted(STORES_OF_THIS_PROGRAM) == sorted(name.replace("_", "-") for name in modules)


def test_store_that_there_is_none_of() -> None:
    (problem,) = problems(custody(store="carrier-pigeon"))
    assert problem.startswith(f'{PROJECT}:custody.store is "carrier-pigeon": there is no store ')
    assert f"use state or one of {', '.join(STORES_OF_THIS_PROGRAM)}" in problem


def test_module_without_a_store() -> None:
    (problem,) = problems(custody(store="components.errors"))
    assert "module components.errors has no class Store that derives from KeyStore" in problem


@pytest.mark.parametrize(
    ("section", "fix"),
    [
        ({"store": "file"}, f"{PROJECT}:custody.path is not set: "),
        ({"store": OWN, "folder": "relative"}, f'{PROJECT}:custody.folder is "relative": give the absolute'),
        ({"store": "two words"}, f'{PROJECT}:custody.store is "two words": use state'),
        ({"store": "state", "path": "/keys/vault"}, f'{PROJECT}:custody.path is "/keys/vault": there is no'),
        ({"store": OWN, "folder": "/keys", "foldr": "x"}, "did you mean folder?"),
    ],
    ids=["missing", "wrong", "no name", "not of the state", "misspelt"],
)
def test_wrong_settings_of_a_store(section: dict[str, Any], fix: str) -> None:
    (problem,) = problems(custody(**section))
    assert fix in problem
