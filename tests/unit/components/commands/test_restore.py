"""What the command says before it restores; ``tests/integration/test_snapshots.py`` has it restore."""

from pathlib import Path

import pytest

from components.__main__ import main
from components.snapshots.record import record_path
from tests.unit.fakes.key_records import key_record
from tests.unit.fakes.scripted_vault import ScriptedVault
from tests.unit.fakes.selected_stack import SEAL_KEY, select_stack
from tests.unit.fakes.snapshot_files import write_snapshot_file


@pytest.fixture
def snapshot(tmp_path: Path, vault: ScriptedVault, monkeypatch: pytest.MonkeyPatch) -> Path:
    select_stack(
        monkeypatch, tmp_path, vault.address, recovery_shares=list(key_record().shares), cluster_id="7d"
    )
    path = tmp_path / "vault.snap"
    write_snapshot_file(path, seal_key=SEAL_KEY, keys_fingerprint=key_record().fingerprint)
    return path


def test_what_and_where(snapshot: Path, vault: ScriptedVault, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["restore", str(snapshot)]) == 0
    said = capfd.readouterr().err
    assert "taken 2026-03-01T00:00:00+00:00 of cluster 0a1b" in said
    assert "Where: stack prod, namespace secrets, pods vault-0 to vault-0, context here, cluster 7d" in said
    assert "Nothing was changed. To replace everything in that Vault, run it again with --really prod" in said
    assert vault.requests == []


def test_another_stack_is_selected(
    snapshot: Path, vault: ScriptedVault, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["restore", "--really", "staging", str(snapshot)]) == 1
    assert "The stack that is selected is prod, and --really names staging" in capfd.readouterr().err
    assert vault.requests == []


def test_without_a_record_it_has_to_be_said(
    snapshot: Path, vault: ScriptedVault, capfd: pytest.CaptureFixture[str]
) -> None:
    record_path(snapshot).unlink()
    assert main(["restore", str(snapshot)]) == 1
    assert "can't be read" in capfd.readouterr().err
    assert main(["restore", "--without-record", str(snapshot)]) == 0
    assert "raft index 42; without a record" in capfd.readouterr().err
    assert vault.requests == []
