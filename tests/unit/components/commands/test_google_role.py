"""The command that prints a custom role for the selected stack."""

import json

import pytest
import yaml

from components.__main__ import main
from components.commands import google_role
from components.settings import Settings
from tests.unit.fakes.stack_settings import EKS, GKE, parse

CUSTODY = {
    "store": "gcp-secret-manager",
    "secret": "projects/acme-custody/secrets/vault-keys",
    "readers": ["user:somebody@example.com"],
}


@pytest.fixture
def selected(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack with a secret in another project."""

    def settings() -> Settings:
        return parse({**GKE, "custody": CUSTODY})

    monkeypatch.setattr(google_role, "selected_stack_settings", settings)


@pytest.mark.usefixtures("selected")
@pytest.mark.parametrize("document", ["preview", "up", "destroy", "vault"])
def test_a_role_that_gcloud_takes(document: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["google-role", document]) == 0
    printed = capsys.readouterr().out
    role = yaml.safe_load(printed)
    assert role.keys() == {"title", "stage", "includedPermissions"}
    lines = [line for line in printed.splitlines() if line.startswith("- ")]
    assert len(lines) == len(set(role["includedPermissions"]))
    assert all("  # " in line for line in lines)
    assert main(["google-role", document, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == role


@pytest.mark.usefixtures("selected")
def test_each_project_has_a_role_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["google-role", "up"]) == 0
    captured = capsys.readouterr()
    assert "secretmanager" not in captured.out
    assert "repeat it with --project acme-custody" in captured.err
    assert main(["google-role", "up", "--project", "acme-custody", "--json"]) == 0
    role = json.loads(capsys.readouterr().out)
    assert "secretmanager.versions.add" in role["includedPermissions"]
    assert "cloudkms.keyRings.create" not in role["includedPermissions"]


def test_what_is_wrong_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(google_role, "selected_stack_settings", lambda: parse(EKS))
    assert main(["google-role", "up"]) == 1
    assert "nothing of Google Cloud" in capsys.readouterr().err
