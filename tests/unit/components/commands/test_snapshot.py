"""The command that takes a snapshot; ``tests/integration/test_snapshots.py`` has it take real ones."""

from pathlib import Path

import pytest

from components.__main__ import main
from tests.unit.fakes.scripted_vault import (
    LEADER,
    LEADS,
    LOOKUP_SELF,
    SEAL_STATUS,
    Answer,
    ScriptedVault,
    seal_status,
)
from tests.unit.fakes.selected_stack import select_stack


def test_vault_that_gives_something_else(
    vault: ScriptedVault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    select_stack(monkeypatch, tmp_path, vault.address)
    vault.answers(LEADER, LEADS)
    vault.answers(LOOKUP_SELF, Answer({"data": {}}))
    vault.answers(SEAL_STATUS, seal_status(initialized=True, sealed=False, cluster_id="0a1b"))
    vault.answers("GET /v1/sys/storage/raft/snapshot", Answer({"proxy": "hello"}))
    path = tmp_path / "vault.snap"
    assert main(["snapshot", str(path)]) == 1
    said = capfd.readouterr().err
    assert "What Vault sent isn't a whole snapshot" in said
    assert "hvs.root" not in said
    assert not path.exists()


def test_vault_on_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    select_stack(monkeypatch, tmp_path, "http://127.0.0.1:9", mode="standalone")
    assert main(["snapshot", str(tmp_path / "vault.snap")]) == 1
    assert "only raft has snapshots" in capfd.readouterr().err
