"""The store that rows of the table use obeys its orders, and is a good one without."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from components.custody.key_record import KeyRecord
from components.custody.key_store import KeyStoreError, store_class
from components.kubernetes.kubectl import KubernetesTarget
from sandbox.layout import REPOSITORY
from tests.end_to_end.faults import unreliable_store
from tests.end_to_end.faults.unreliable_store import Store

TARGET = KubernetesTarget(kubeconfig="", context="none", namespace="vault")
RECORD = KeyRecord(
    deployment="uid/vault/vault",
    seal_type="awskms",
    seal_key="",
    threshold=2,
    root_token="hvs.x",
    recovery_shares=("a", "b"),
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(path=str(tmp_path / "keys" / "record.json"), orders=str(tmp_path / "orders"))


def test_the_program_finds_it_by_its_full_name() -> None:
    assert store_class(unreliable_store.__name__) is Store


def test_without_orders_it_keeps_the_keys(store: Store) -> None:
    store.probe(TARGET)
    assert store.read(TARGET) is None
    store.write(RECORD, TARGET)
    assert store.read(TARGET) == RECORD


def test_each_write_takes_one_order(store: Store) -> None:
    Path(store.orders).write_text("\n".join([unreliable_store.FAIL] * 2))
    for _ in range(2):
        with pytest.raises(KeyStoreError, match="the disk is full"):
            store.write(RECORD, TARGET)
        assert store.read(TARGET) is None
    store.write(RECORD, TARGET)
    assert store.read(TARGET) == RECORD


def test_orders_can_be_taken_back(store: Store) -> None:
    Path(store.orders).write_text("")
    store.write(RECORD, TARGET)
    assert store.read(TARGET) == RECORD


@pytest.mark.parametrize(
    ("order", "stored"), [(unreliable_store.KILL_BEFORE, False), (unreliable_store.KILL_AFTER, True)]
)
def test_the_session_of_the_writer_is_killed(store: Store, order: str, stored: bool) -> None:
    Path(store.orders).write_text(order)
    write = (
        "from tests.unit.end_to_end.test_unreliable_store import RECORD, TARGET, Store\n"
        f"Store({store.path!r}, {store.orders!r}).write(RECORD, TARGET)\n"
    )
    writer = subprocess.run(
        [sys.executable, "-c", write],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        start_new_session=True,
        timeout=60,
        check=False,
    )
    assert writer.returncode == -signal.SIGKILL
    assert (store.read(TARGET) is not None) is stored
