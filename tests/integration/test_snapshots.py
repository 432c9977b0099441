"""Snapshots of real Vaults, taken and restored by the commands."""

import contextlib
import json
import re
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO

import pytest

from components.snapshots.archive import DamagedSnapshotError, verified_archive
from components.snapshots.preparation import RestoreInputs
from components.snapshots.record import read_record, record_path
from components.vault.client import VaultClient
from components.vault.snapshot_transfer import SNAPSHOT, write_snapshot
from sandbox.layout import REPOSITORY
from tests.integration.restorable_vault import (
    STACK,
    RestorableVault,
    other_keys,
    restorable_vault,
    vault_of_key_service,
)
from tests.integration.vault_servers import wait_until


@pytest.fixture(scope="module")
def vault(vault_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RestorableVault]:
    """A Vault that a key of KMS unseals; each test leaves it serving."""
    with vault_of_key_service(vault_program, tmp_path_factory.mktemp("awskms")) as restorable:
        yield restorable


@pytest.fixture
def snapshot(vault: RestorableVault, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Path:
    """A snapshot with `before` in it, and `after` written after it."""
    vault.select_stack()
    vault.write("before")
    vault.root().delete("cubbyhole/after")
    path = tmp_path / "vault.snap"
    code, said = vault.run(capfd, "snapshot", str(path))
    assert code == 0, said
    vault.write("after")
    return path


def test_snapshot_is_whole_private_and_says_what_it_needs(vault: RestorableVault, snapshot: Path) -> None:
    assert stat.S_IMODE(snapshot.stat().st_mode) == 0o600
    assert stat.S_IMODE(record_path(snapshot).stat().st_mode) == 0o600
    record = read_record(snapshot)
    archive = verified_archive(snapshot)
    assert (record.sha256, record.raft_index) == (archive.sha256, archive.raft_index)
    status = VaultClient(vault.servers[0].address).seal_status()
    assert (record.cluster_id, record.vault_version) == (status.cluster_id, status.version)
    assert (record.seal_type, record.seal_key) == ("awskms", vault.kms.key_id)
    assert (record.keys_fingerprint, record.keys_version) == (vault.record.fingerprint, vault.version())
    text = record_path(snapshot).read_text()
    assert not [secret for secret in (vault.record.root_token, *vault.record.shares) if secret in text]
    assert sorted(path.name for path in snapshot.parent.iterdir()) == ["vault.snap", "vault.snap.json"]


def test_snapshot_is_never_overwritten(
    vault: RestorableVault, snapshot: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = snapshot.read_bytes()
    code, said = vault.run(capfd, "snapshot", str(snapshot))
    assert code == 1
    assert "is never overwritten" in said
    assert snapshot.read_bytes() == before


def test_token_that_may_not_read_a_snapshot(
    vault: RestorableVault, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.select_stack()
    token = vault.root().auth.token.create(policies=["default"])["auth"]["client_token"]
    given(monkeypatch, token)
    code, said = vault.run(capfd, "snapshot", "--with-token", str(tmp_path / "vault.snap"))
    assert code == 1
    assert "needs read on sys/storage/raft/snapshot" in said
    assert token not in said
    assert list(tmp_path.iterdir()) == []


def test_token_with_the_documented_policy_alone(
    vault: RestorableVault, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.select_stack()
    vault.root().sys.create_or_update_policy("snapshot", f'path "{SNAPSHOT}" {{ capabilities = ["read"] }}')
    token = vault.root().auth.token.create(policies=["snapshot"])["auth"]["client_token"]
    path = tmp_path / "vault.snap"
    given(monkeypatch, token)
    assert vault.run(capfd, "snapshot", "--with-token", str(path))[0] == 0
    given(monkeypatch, token)
    code, said = vault.run(capfd, "restore", "--with-token", "--really", STACK, str(path))
    assert code == 1
    assert "needs update on auth/token/create" in said


def test_no_token_is_valid(
    vault: RestorableVault, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given(monkeypatch, "hvs.wrong")
    code, said = vault.run(capfd, "snapshot", "--with-token", str(tmp_path / "vault.snap"))
    assert code == 1
    assert "There is no valid token" in said
    assert "hvs.wrong" not in said


def test_without_the_name_of_the_stack_nothing_is_changed(
    vault: RestorableVault, snapshot: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code, said = vault.run(capfd, "restore", str(snapshot))
    assert code == 0
    assert f"run it again with --really {STACK}" in said
    assert read_record(snapshot).cluster_id in said
    code, said = vault.run(capfd, "restore", "--really", "staging", str(snapshot))
    assert code == 1
    assert "The stack that is selected is prod, and --really names staging" in said
    assert vault.has("after")


def test_restored_with_the_documented_policy_and_a_copy_of_what_was_there(
    vault: RestorableVault, snapshot: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = re.findall(r'^path "sys.*|^path "auth.*', (REPOSITORY / "docs/snapshots.md").read_text(), re.M)
    vault.root().sys.create_or_update_policy("restore", "\n".join(rules))
    given(monkeypatch, vault.root().auth.token.create(policies=["restore"])["auth"]["client_token"])
    code, said = vault.run(capfd, "restore", "--with-token", "--really", STACK, str(snapshot))
    assert code == 0, said
    assert (vault.has("before"), vault.has("after"), vault.voters()) == (True, False, 3)
    assert "The shares of that time unlock it" in said
    assert "3 healthy voters" in said
    (copy,) = snapshot.parent.glob("before-restore-*.snap")
    code, said = vault.run(capfd, "restore", "--really", STACK, str(copy))
    assert code == 0, said
    assert vault.has("after")


def test_leader_that_gives_up_on_the_restore_and_seals_itself(
    vault: RestorableVault, snapshot: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """As one does that loses its leadership meanwhile, after it has answered that it takes the snapshot."""
    handed: list[str] = []

    def write(client: VaultClient, file: IO[bytes], *, forced: bool) -> None:
        handed.append(client.address)
        if len(handed) == 1:
            client.request("PUT", "sys/seal")
        else:
            write_snapshot(client, file, forced=forced)

    impatient = partial(RestoreInputs, restore_seconds=5.0, sealed_seconds=1.0)
    with vault.monkeypatch.context() as patched:
        patched.setattr("components.snapshots.restore.write_snapshot", write)
        patched.setattr("components.commands.restore.RestoreInputs", impatient)
        code, said = vault.run(capfd, "restore", "--really", STACK, str(snapshot))
    assert code == 0, said
    assert "which is sealed and stays so since the restore" in said
    assert "Vault gave up on the restore, as its leader has changed meanwhile; trying again" in said
    assert (vault.has("before"), vault.has("after"), vault.voters()) == (True, False, 3)


def test_server_that_answers_nothing_after_the_restore(
    vault: RestorableVault, snapshot: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """As one that hangs in it: its listener is open, and no call comes back."""
    vault.await_voters()
    hanging = next(server for server in vault.servers.servers if not server.is_active())
    impatient = partial(RestoreInputs, silent_seconds=1.0)
    with contextlib.ExitStack() as frozen, vault.monkeypatch.context() as patched:

        def write(client: VaultClient, file: IO[bytes], *, forced: bool) -> None:
            write_snapshot(client, file, forced=forced)
            frozen.enter_context(hanging.frozen())

        patched.setattr("components.snapshots.restore.write_snapshot", write)
        patched.setattr("components.commands.restore.RestoreInputs", impatient)
        code, said = vault.run(capfd, "restore", "--really", STACK, str(snapshot))
    assert code == 0, said
    assert f"Restarting {hanging.name}, which answers nothing since the restore" in said
    assert (vault.has("before"), vault.has("after"), vault.voters()) == (True, False, 3)


def test_damaged_snapshots_are_refused(
    vault: RestorableVault, snapshot: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = snapshot.read_bytes()
    flipped = bytearray(whole)
    flipped[len(flipped) // 2] ^= 1
    for content in (bytes(flipped), whole[: len(whole) // 2], whole[:-4], b"", b"no gzip"):
        snapshot.write_bytes(content)
        code, said = vault.run(capfd, "restore", "--really", STACK, str(snapshot))
        assert code == 1
        assert "Nothing was changed" in said
        with pytest.raises(DamagedSnapshotError, match="isn't a whole snapshot"):
            verified_archive(snapshot)
    assert vault.has("after")


def test_another_snapshot_than_the_record_was_written_for(
    vault: RestorableVault, snapshot: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    second = snapshot.with_name("second.snap")
    assert vault.run(capfd, "snapshot", str(second))[0] == 0
    snapshot.write_bytes(second.read_bytes())
    code, said = vault.run(capfd, "restore", "--really", STACK, str(snapshot))
    assert code == 1
    assert "isn't the file that its record was written for" in said


def test_snapshot_of_another_key_of_the_seal_is_refused(
    vault: RestorableVault, snapshot: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    record = json.loads(record_path(snapshot).read_text())
    record_path(snapshot).write_text(json.dumps({**record, "seal_key": "another-key"}))
    code, said = vault.run(capfd, "restore", "--really", STACK, str(snapshot))
    assert code == 1
    assert "The snapshot was taken of a Vault with seal awskms (another-key)" in said
    assert vault.has("after")


def test_snapshot_without_a_record(
    vault: RestorableVault, snapshot: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    record_path(snapshot).unlink()
    code, said = vault.run(capfd, "restore", "--really", STACK, str(snapshot))
    assert code == 1
    assert "the record that belongs to the snapshot, can't be read" in said
    code, said = vault.run(capfd, "restore", "--really", STACK, "--without-record", str(snapshot))
    assert code == 0, said
    assert not vault.has("after")


def test_shares_that_are_lost_stop_it_before_anything_is_changed(
    vault: RestorableVault, snapshot: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    record = json.loads(record_path(snapshot).read_text())
    lost = {**record, "keys_fingerprint": "sha256:0", "keys_version": ""}
    record_path(snapshot).write_text(json.dumps(lost))
    code, said = vault.run(capfd, "restore", "--really", STACK, str(snapshot))
    assert code == 1
    assert "This stack doesn't have them any more: sha256:0" in said
    assert vault.has("after")


def test_keys_of_the_snapshot_go_back_to_their_store(
    vault: RestorableVault, snapshot: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A rekey came in between: the store has other shares now, and those from before as a version."""
    later = other_keys(vault.record)
    vault.store.write(later, vault.servers.access.target)
    vault.select_stack(keys_fingerprint=later.fingerprint)
    try:
        code, said = vault.run(capfd, "restore", "--really", STACK, str(snapshot))
        assert code == 0, said
        assert vault.stored() == vault.record
        assert "The keys of that time are in" in said
    finally:
        vault.store.write(vault.record, vault.servers.access.target)


def test_all_volumes_lost_and_killed_halfway(
    vault: RestorableVault, snapshot: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    vault.wipe(0, 1, 2)
    with vault.monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("components.snapshots.restore.write_snapshot", interrupted)
        vault.run(capfd, "restore", "--really", STACK, str(snapshot))
    secret = (vault.folder / "objects" / "vault.secret.vault-restore").read_text()
    assert "hvs." not in secret
    assert VaultClient(vault.servers[0].address).seal_status().initialized
    # The init isn't repeated: the Vault of the first run takes the snapshot.
    cluster_id = VaultClient(vault.servers[0].address).seal_status().cluster_id
    capfd.readouterr()
    code, said = vault.run(capfd, "restore", "--really", STACK, str(snapshot))
    assert code == 0, said
    assert "Initialising the blank Vault" not in said
    assert (vault.has("before"), vault.has("after"), vault.voters()) == (True, False, 3)
    status = VaultClient(vault.servers[0].address).seal_status()
    assert status.cluster_id == read_record(snapshot).cluster_id != cluster_id
    assert not (vault.folder / "objects" / "vault.secret.vault-restore").exists()
    vault.restart()
    vault.await_voters()
    assert vault.has("before")


def test_killed_when_vault_has_just_restored(
    vault: RestorableVault, snapshot: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    vault.wipe(0, 1, 2)
    with vault.monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("components.snapshots.restore._Restore._await_serving", interrupted)
        vault.run(capfd, "restore", "--really", STACK, str(snapshot))
    code, said = vault.run(capfd, "restore", "--really", STACK, str(snapshot))
    assert code == 0, said
    assert "An interrupted run has restored this snapshot already" in said
    assert (vault.has("before"), vault.voters()) == (True, 3)
    assert not (vault.folder / "objects" / "vault.secret.vault-restore").exists()


def test_pod_that_cannot_be_asked_is_not_taken_for_a_blank_one(
    vault: RestorableVault, snapshot: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    vault.wipe(0, 1)
    vault.servers[2].stop(kill=True)
    try:
        with vault.monkeypatch.context() as patched:
            patched.setattr("components.commands.restore.START_SECONDS", 2.0)
            code, said = vault.run(capfd, "restore", "--really", STACK, str(snapshot))
        assert code == 1
        assert "Whether there is a Vault on every pod can't be seen (vault-2:" in said
        assert not VaultClient(vault.servers[0].address).seal_status().initialized
    finally:
        vault.wipe(0, 1, 2)
        assert vault.run(capfd, "restore", "--really", STACK, str(snapshot))[0] == 0


def test_all_volumes_lost_with_shamir(
    vault_program: Path,
    tmp_path: Path,
    vault: RestorableVault,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    with restorable_vault(vault_program, tmp_path, "shamir", vault.kms, monkeypatch) as shamir:
        shamir.write("before")
        path = tmp_path / "shamir.snap"
        assert shamir.run(capfd, "snapshot", str(path))[0] == 0
        shamir.wipe(0, 1, 2)
        code, said = shamir.run(capfd, "restore", "--really", STACK, str(path))
        assert code == 0, said
        assert (shamir.has("before"), shamir.voters()) == (True, 3)
        # Its shares are rekeyed to another number, and the snapshot from before is restored once more.
        rekeyed = shamir.rekey(shares=3, threshold=2)
        shamir.store.write(rekeyed, shamir.servers.access.target)
        shamir.select_stack(keys_fingerprint=rekeyed.fingerprint, keys_version=shamir.version())
        code, said = shamir.run(capfd, "restore", "--really", STACK, str(path))
        assert code == 0, said
        assert shamir.stored() == shamir.record
        shamir.restart()
        shamir.unseal(shamir.record)
        wait_until("it serves", 60, lambda: any(server.is_active() for server in shamir.servers.servers))
        assert shamir.has("before")


def given(monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    """Answers the command's question for a token."""
    import io
    import sys

    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{token}\n"))


def interrupted(*_arguments: object, **_options: object) -> None:
    raise KeyboardInterrupt
