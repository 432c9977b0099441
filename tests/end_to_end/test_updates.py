"""Nothing surprises: a second update changes nothing, and nothing initialises twice."""

import dataclasses
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.layout import REPOSITORY
from tests.end_to_end.deployment import Deployment
from tests.end_to_end.packaged_program import require_taken_over


def test_a_second_update_changes_nothing(awskms: Deployment) -> None:
    before = awskms.outputs()
    result = awskms.stack.run("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert result.returncode == 0, result.stdout + result.stderr
    assert awskms.outputs() == before


def test_a_preview_after_the_deployment_shows_no_change(awskms: Deployment) -> None:
    result = awskms.stack.run("preview", "--expect-no-changes")
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_code_edit_neither_replaces_nor_initialises(awskms: Deployment, tmp_path: Path) -> None:
    before = awskms.outputs()
    for name in ("Pulumi.yaml", "__main__.py", "components"):
        source = REPOSITORY / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    # Both are given relative to the program: the kubeconfig in the settings, the other in Pulumi.yaml.
    (tmp_path / ".sandbox").symlink_to(awskms.stack.layout.home)
    (tmp_path / ".venv").symlink_to(REPOSITORY / ".venv")
    for module in (tmp_path / "components").rglob("*.py"):
        module.write_text(module.read_text() + "\n\nEDITED = True\n")
    edited = dataclasses.replace(awskms.stack, program=tmp_path)
    result = edited.run("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert result.returncode == 0, result.stdout + result.stderr
    assert awskms.outputs() == before


def test_a_refresh_keeps_the_keys(awskms: Deployment) -> None:
    before = awskms.outputs()
    awskms.stack.pulumi("refresh", "--yes", "--skip-preview", quiet=True)
    after = awskms.outputs()
    assert after["root_token"] == before["root_token"]
    assert after["recovery_shares"] == before["recovery_shares"]
    result = awskms.stack.run("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_changed_setting_updates_the_release_and_keeps_the_keys(awskms: Deployment) -> None:
    before = awskms.outputs()
    awskms.configure({"extraEnvironment": {"VAULT_LOG_LEVEL": "info"}})
    preview = awskms.stack.run("preview", "--json")
    assert preview.returncode == 0, preview.stdout + preview.stderr
    operations = {step["urn"].rsplit("::", 1)[1]: step["op"] for step in json.loads(preview.stdout)["steps"]}
    assert "replace" not in operations.values()
    awskms.stack.pulumi("up", "--yes", "--skip-preview", quiet=True)
    template = awskms.cluster.get("statefulset", "vault", "--namespace=vault")["spec"]["template"]
    environment = {entry["name"]: entry.get("value") for entry in template["spec"]["containers"][0]["env"]}
    assert environment["VAULT_LOG_LEVEL"] == "info"
    assert awskms.outputs()["root_token"] == before["root_token"]
    awskms.configure({})
    awskms.stack.pulumi("up", "--yes", "--skip-preview", quiet=True)


def test_a_program_with_the_package_takes_the_stack_over(awskms: Deployment, tmp_path: Path) -> None:
    require_taken_over(awskms, tmp_path)


@pytest.fixture
def without_record_of_the_init(awskms: Deployment, tmp_path: Path) -> Iterator[Deployment]:
    """A state that lost the init, as when an older copy was restored; put back afterwards."""
    saved = tmp_path / "state.json"
    saved.write_text(awskms.stack.pulumi("stack", "export", quiet=True))
    state = json.loads(saved.read_text())
    resources = state["deployment"]["resources"]
    lost = ("::operator-init", "::pod-rollout", "::raft-quorum", "::audit-devices")
    state["deployment"]["resources"] = [entry for entry in resources if not entry["urn"].endswith(lost)]
    without = tmp_path / "without.json"
    without.write_text(json.dumps(state))
    awskms.stack.pulumi("stack", "import", "--file", str(without), quiet=True)
    yield awskms
    awskms.stack.pulumi("stack", "import", "--file", str(saved), quiet=True)
    awskms.configure({})
    result = awskms.stack.run("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.fixture
def root_token(awskms: Deployment) -> str:
    """The root token, read before the state loses it."""
    token: str = awskms.outputs()["root_token"]
    return token


def test_an_initialised_vault_is_never_initialised_again(
    root_token: str, without_record_of_the_init: Deployment
) -> None:
    result = without_record_of_the_init.stack.run("up", "--yes", "--skip-preview")
    assert result.returncode != 0
    assert "Vault on vault-0 is initialised already" in result.stdout
    without_record_of_the_init.vault.await_healthy_voters(root_token)


def test_an_initialised_vault_is_adopted_without_its_keys(
    root_token: str, without_record_of_the_init: Deployment
) -> None:
    stack = without_record_of_the_init.stack
    without_record_of_the_init.configure({"init": {"adopt": True}})
    without_record_of_the_init.set_secret("token", root_token)
    stack.pulumi("up", "--yes", "--skip-preview", quiet=True)
    outputs = without_record_of_the_init.outputs()
    assert (outputs["root_token"], outputs["recovery_shares"]) == ("", [])
    assert [peer["voter"] for peer in outputs["peers"]] == [True] * 3
    assert root_token not in stack.pulumi("stack", "export", quiet=True)


def test_fewer_replicas_are_refused_while_raft_counts_on_them(awskms: Deployment) -> None:
    awskms.vault.await_healthy_voters(awskms.outputs()["root_token"])
    awskms.configure({"replicas": 1})
    result = awskms.stack.run("preview")
    awskms.configure({})
    assert result.returncode != 0
    assert "vault-1, vault-2 would be deleted and still belong to raft" in result.stdout, result.stdout


def test_what_is_protected_is_not_destroyed(awskms: Deployment) -> None:
    awskms.configure({"protect": True})
    awskms.stack.pulumi("up", "--yes", "--skip-preview", quiet=True)
    result = awskms.stack.run("destroy", "--yes", "--skip-preview")
    token = awskms.outputs()["root_token"]
    awskms.configure({})
    awskms.stack.pulumi("up", "--yes", "--skip-preview", quiet=True)
    assert result.returncode != 0
    assert "protected" in result.stdout + result.stderr
    awskms.vault.await_healthy_voters(token)
