"""The README says what the program does: its settings and defaults, its outputs, its files and commands."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from components.settings.reader import SettingsReader
from tests.unit import mocked_google
from tests.unit.commands_on_path import only_commands
from tests.unit.components.stack_settings import EKS, GKE, PROJECT, parse
from tests.unit.mocked_account import computed, up
from tests.unit.recorded_deployment import deploy

REPOSITORY = Path(__file__).resolve().parents[2]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")

# Settings without which some others aren't read at all.
WHOLE = {**EKS, "ingress": {"host": "vault.example.com"}, "affinity": {}}

STORES: Mapping[str, Mapping[str, Any]] = {
    "aws-secrets-manager": {
        "name": "vault/init",
        "region": EKS["region"],
        "readers": ["arn:aws:iam::123456789012:role/platform"],
    },
    "gcp-secret-manager": {"secret": "projects/example-project/secrets/vault-init"},
    "kubernetes-secret": {"namespace": "custody"},
    "file": {"path": "/keys/vault.json"},
}
"""Stores of this program, with the settings that they can't do without."""


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
    record("texts", [])
    record("text_mapping", {})
    record("mapping", {})
    record("skip", None)
    record("secret", None)
    parse({**GKE, "seal": "shamir"})
    parse({**WHOLE, "migrateFrom": {"seal": "shamir"}})
    # Ingress is asked for as a whole, too: it is an object, and its members are the settings.
    del asked["ingress"]
    return asked


def test_every_setting_is_in_the_table_with_its_default(settings: Mapping[str, str]) -> None:
    documented = {code(name)[0]: default.strip("`") for name, default, _ in table("Setting")}
    assert documented == settings


@pytest.mark.parametrize("store", STORES)
def test_every_setting_of_a_store_is_in_its_table(settings: dict[str, str], store: str) -> None:
    settings.clear()
    parse({**EKS, "custody": {"store": store, **STORES[store]}})
    asked = {name for name in settings if name.startswith("custody.")} - {"custody.store"}
    documented: dict[str, set[str]] = {}
    name = ""
    for row in table("Store"):
        name = code(row[0])[0] if code(row[0]) else name
        documented.setdefault(name, set()).update(code(row[2]))
    assert documented.keys() == {"state", *STORES}
    assert documented[store] == asked


def test_every_output_is_in_the_table(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    scripts = {"kubectl": "echo '{}'", "aws": "exit 0", "gke-gcloud-auth-plugin": "exit 0"}
    only_commands(monkeypatch, tmp_path, **scripts)
    configuration = {name: str(value) for name, value in EKS.items()}
    custody = json.dumps({"store": "aws-secrets-manager", **STORES["aws-secrets-manager"]})
    documented = {name for row in table("Output") for name in code(row[0])}
    on_aws = up({**configuration, "custody": custody}).outputs.keys()
    on_google = deploy(
        {name: str(value) for name, value in GKE.items()},
        answers=mocked_google.NOTHING_YET,
        outputs=lambda args: {**computed(args), **mocked_google.computed(args)},
    ).outputs.keys()
    assert documented == on_aws | on_google


def test_every_link_leads_to_a_file_or_a_heading() -> None:
    headings = re.findall(r"^#+ (.*)$", README, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
    targets = [target for target in re.findall(r"\]\(([^)]+)\)", README) if "://" not in target]
    assert targets
    broken = [
        target
        for target in targets
        if not (
            target[1:] in anchors
            if target.startswith("#")
            else (REPOSITORY / target.partition("#")[0]).exists()
        )
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
