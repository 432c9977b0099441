"""A snapshot's way to its file; real ones are taken in ``tests/integration/test_snapshots.py``."""

import errno
import json
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from werkzeug.wrappers import Request, Response

from components.custody.key_custody import KeyCustody
from components.errors import DeploymentError
from components.snapshots.record import read_record
from components.snapshots.take import take_snapshot
from components.snapshots.vault import SnapshotVault
from tests.http_server import http_server
from tests.unit.fakes.init_inputs import DEPLOYMENT, TARGET, access
from tests.unit.fakes.key_records import key_record
from tests.unit.fakes.scripted_vault import LEADER, LEADS, LOOKUP_SELF, SEAL_STATUS, Answer, seal_status
from tests.unit.fakes.snapshot_files import packed, parts

SNAPSHOT = "GET /v1/sys/storage/raft/snapshot"
ANSWERS = {
    LEADER: LEADS,
    LOOKUP_SELF: Answer({"data": {}}),
    SEAL_STATUS: seal_status(initialized=True, sealed=False, cluster_id="0a1b"),
}


@dataclass
class Server:
    """An active server that gives these bytes."""

    content: bytes
    status: int = 200
    address: str = ""

    def answer(self, asked: Request) -> Response:
        call = f"{asked.method} {asked.path}"
        if call == SNAPSHOT:
            return Response(self.content, self.status)

        return Response(json.dumps(ANSWERS[call].body), content_type="application/json")

    @property
    def vault(self) -> SnapshotVault:
        return SnapshotVault(
            access=access(self.address),
            replicas=1,
            seal_type="awskms",
            seal_key="key",
            deployment=DEPLOYMENT,
            custody=KeyCustody(store=None, target=TARGET, deployment=DEPLOYMENT),
            keys=key_record(),
            keys_version="7",
            tokens=("hvs.token",),
        )


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server(packed(parts()))
    with http_server(server.answer) as port:
        server.address = f"http://127.0.0.1:{port}"
        yield server


def test_file_and_record(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "vault.snap"
    record = take_snapshot(server.vault, path)
    assert path.read_bytes() == server.content
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_record(path) == record
    assert (record.cluster_id, record.raft_index, record.keys_version) == ("0a1b", 42, "7")
    assert record.keys_fingerprint == key_record().fingerprint
    assert sorted(found.name for found in tmp_path.iterdir()) == ["vault.snap", "vault.snap.json"]


def test_what_is_cut_off_leaves_nothing(server: Server, tmp_path: Path) -> None:
    server.content = server.content[:-20]
    with pytest.raises(DeploymentError, match="What Vault sent isn't a whole snapshot"):
        take_snapshot(server.vault, tmp_path / "vault.snap")
    assert list(tmp_path.iterdir()) == []


def test_token_without_the_right(server: Server, tmp_path: Path) -> None:
    server.status = 403
    with pytest.raises(DeploymentError, match="needs read on sys/storage/raft/snapshot") as raised:
        take_snapshot(server.vault, tmp_path / "vault.snap")
    assert "hvs.token" not in str(raised.value)
    assert list(tmp_path.iterdir()) == []


def test_file_that_exists(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "vault.snap"
    path.write_text("another")
    with pytest.raises(DeploymentError, match="is never overwritten"):
        take_snapshot(server.vault, path)
    assert path.read_text() == "another"


def test_folder_that_does_not_exist(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DeploymentError, match="There is no folder"):
        take_snapshot(server.vault, tmp_path / "missing" / "vault.snap")


def test_file_that_appears_meanwhile(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "vault.snap"

    def record_written(_path: Path, _content: bytes) -> None:
        path.write_text("another")

    monkeypatch.setattr("components.snapshots.take.replace_file", record_written)
    with pytest.raises(DeploymentError, match="was written by something else meanwhile"):
        take_snapshot(server.vault, path)
    assert path.read_text() == "another"


def test_file_system_without_hard_links(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As FAT and some network file systems are."""

    def refused(_old: object, _new: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    with pytest.raises(DeploymentError, match="has no hard links; name a file on another one"):
        take_snapshot(server.vault, tmp_path / "vault.snap")
