"""What a restore decides before it changes anything."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.custody.key_custody import KeyCustody
from components.custody.key_record import KeyRecord
from components.errors import DeploymentError
from components.snapshots.archive import DamagedSnapshotError
from components.snapshots.preparation import ForeignSnapshotError, RestoreInputs, prepared
from components.snapshots.vault import SnapshotVault
from components.vault.pod_access import PodAccess
from tests.unit.fakes.key_records import SHARES, TARGET, key_record
from tests.unit.fakes.scripted_store import Store
from tests.unit.fakes.snapshot_files import write_snapshot_file

KEYS = key_record()
OTHER = replace(KEYS, recovery_shares=tuple(reversed(SHARES)))
NOWHERE = PodAccess(target=TARGET, statefulset="vault", address="http://127.0.0.1:9")


def inputs(folder: Path, *, keys: KeyRecord | None = KEYS, store: Store | None = None, **changed: Any) -> Any:
    path = folder / "vault.snap"
    given = {"keys_fingerprint": KEYS.fingerprint, **changed.pop("record", {})}
    return RestoreInputs(
        vault=SnapshotVault(
            access=NOWHERE,
            replicas=3,
            seal_type=KEYS.seal_type,
            seal_key=KEYS.seal_key,
            deployment=KEYS.deployment,
            custody=KeyCustody(store=store, target=TARGET, deployment=KEYS.deployment),
            keys=keys,
        ),
        snapshot=path,
        record=write_snapshot_file(path, **given),
        without_keys=changed.pop("without_keys", False),
        journal_key="",
        **changed,
    )


def test_keys_of_today(tmp_path: Path) -> None:
    assert prepared(inputs(tmp_path)).keys == KEYS


def test_keys_of_an_earlier_version(tmp_path: Path) -> None:
    store = Store(folder=str(tmp_path))
    store.keep_earlier(OTHER, KEYS)
    found = prepared(inputs(tmp_path, keys=replace(KEYS, recovery_shares=("YQ==",)), store=store))
    assert found.keys == KEYS


def test_earlier_keys_of_another_vault_are_no_keys_of_this_one(tmp_path: Path) -> None:
    store = Store(folder=str(tmp_path))
    store.keep_earlier(replace(KEYS, deployment="another/vault/vault"))
    with pytest.raises(DeploymentError, match="This stack doesn't have them any more"):
        prepared(inputs(tmp_path, keys=OTHER, store=store))


@pytest.mark.parametrize("keys", [OTHER, None])
def test_keys_that_nobody_has_here(tmp_path: Path, keys: KeyRecord | None) -> None:
    with pytest.raises(DeploymentError, match="--without-keys") as raised:
        prepared(inputs(tmp_path, keys=keys))
    assert KEYS.fingerprint in str(raised.value)
    assert "Nothing was changed" in str(raised.value)
    assert prepared(inputs(tmp_path, keys=keys, without_keys=True)).keys is None


def test_vault_that_was_adopted_without_keys(tmp_path: Path) -> None:
    assert prepared(inputs(tmp_path, keys=None, record={"keys_fingerprint": ""})).keys is None


@pytest.mark.parametrize(
    "record",
    [
        {"seal_type": "shamir", "seal_key": ""},
        {"seal_key": "arn:aws:kms:eu-central-1:123456789012:key/2"},
        {"seal_key": ""},
    ],
)
def test_foreign_snapshot(tmp_path: Path, record: dict[str, str]) -> None:
    with pytest.raises(ForeignSnapshotError, match="Nothing was changed"):
        prepared(inputs(tmp_path, record=record))


def test_replica_of_a_multi_region_key(tmp_path: Path) -> None:
    here = inputs(tmp_path, record={"seal_key": "arn:aws:kms:us-east-1:123456789012:key/mrk-1"})
    key = "arn:aws:kms:eu-central-1:123456789012:key/mrk-1"
    assert prepared(replace(here, vault=replace(here.vault, seal_key=key))).keys == KEYS


def test_another_file_than_the_record_has(tmp_path: Path) -> None:
    with pytest.raises(DamagedSnapshotError, match="isn't the file that its record was written for"):
        prepared(inputs(tmp_path, record={"sha256": "0" * 64}))


def test_without_a_record_the_keys_are_those_of_today(tmp_path: Path) -> None:
    assert prepared(replace(inputs(tmp_path), record=None)).keys == KEYS
