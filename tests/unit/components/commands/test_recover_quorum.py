"""What the command says before it recovers; ``tests/integration/test_lost_quorum.py`` has it recover."""

from pathlib import Path

import pytest

from components.__main__ import main
from tests.unit.fakes.init_inputs import provide_cluster
from tests.unit.fakes.scripted_vault import (
    AUTOPILOT_STATE,
    FOLLOWS,
    LEADER,
    LEADS,
    SEAL_STATUS,
    Answer,
    ScriptedVault,
    seal_status,
)
from tests.unit.fakes.selected_stack import select_stack

SERVES = seal_status(initialized=True, sealed=False, cluster_id="0a1b")
HEALTHY = Answer(
    {
        "data": {
            "healthy": True,
            "leader": "vault-0",
            "voters": ["vault-0"],
            "servers": {"vault-0": {"address": "vault-0:8201", "healthy": True}},
        }
    }
)


@pytest.fixture(autouse=True)
def stack(vault: ScriptedVault, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    provide_cluster(monkeypatch, tmp_path / "cluster")
    select_stack(monkeypatch, tmp_path, vault.address, replicas=3)
    vault.answers(SEAL_STATUS, SERVES)


@pytest.fixture
def one_pod(vault: ScriptedVault, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The stack has one pod alone, which is a majority."""
    select_stack(monkeypatch, tmp_path, vault.address)


def test_what_is_left_and_what_gets_lost(vault: ScriptedVault, capfd: pytest.CaptureFixture[str]) -> None:
    vault.answers(LEADER, Answer({**FOLLOWS.body, "raft_applied_index": 41}))
    assert main(["recover-quorum"]) == 0
    said = capfd.readouterr().err
    assert "What is left: vault-0 (raft index 41)" in said
    assert "What gets lost: whatever vault-1, vault-2 had" in said
    assert "Nothing was changed. To go on with these, run it again with --really prod" in said


@pytest.mark.usefixtures("one_pod")
def test_majority_that_elects_a_leader_meanwhile(
    vault: ScriptedVault, capfd: pytest.CaptureFixture[str]
) -> None:
    # Nobody leads at the first look, which asks each server with data once more, how far it has come.
    vault.answers(LEADER, FOLLOWS, FOLLOWS, LEADS)
    vault.answers(AUTOPILOT_STATE, HEALTHY)
    assert main(["recover-quorum", "--really", "prod"]) == 0
    said = capfd.readouterr().err
    assert "vault-0 leads, so there is nothing to recover" in said
    assert "What is left" not in said


@pytest.mark.usefixtures("one_pod")
def test_majority_that_elects_none(
    vault: ScriptedVault, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("components.commands.recover_quorum._ELECTION_SECONDS", 0.5)
    vault.answers(LEADER, FOLLOWS)
    assert main(["recover-quorum", "--really", "prod"]) == 1
    said = capfd.readouterr().err
    assert "1 of 1 servers have their data, which is a majority" in said
    assert "Nothing was changed" in said


def test_another_stack_is_selected(vault: ScriptedVault, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["recover-quorum", "--really", "staging"]) == 1
    assert "--really names staging" in capfd.readouterr().err
    assert vault.requests == []


@pytest.mark.usefixtures("one_pod")
def test_vault_with_a_leader(vault: ScriptedVault, capfd: pytest.CaptureFixture[str]) -> None:
    vault.answers(LEADER, LEADS)
    vault.answers(AUTOPILOT_STATE, HEALTHY)
    assert main(["recover-quorum", "--really", "prod"]) == 0
    said = capfd.readouterr().err
    assert "vault-0 leads, so there is nothing to recover" in said
    assert "All 1 pods serve" in said
    assert "hvs.root" not in said


def test_vault_without_raft(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    select_stack(monkeypatch, tmp_path, "http://127.0.0.1:9", mode="standalone")
    assert main(["recover-quorum"]) == 1
    assert "there is no majority to lose" in capfd.readouterr().err
