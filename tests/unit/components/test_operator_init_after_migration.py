"""What becomes of the keys when Vault has a new seal."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from components.custody.key_custody import KeyCustody, KeysNotStoredError
from components.custody.key_record import KeyRecord
from components.custody.key_store import store_to_properties
from components.operator_init import OperatorInitProvider, completes_migration, record_after_change
from tests.unit.fakes import scripted_store
from tests.unit.fakes.init_inputs import (
    DEPLOYMENT,
    NOWHERE,
    TARGET,
    InitCluster,
    access,
    init_inputs,
    provide_cluster,
)
from tests.unit.fakes.scripted_vault import (
    SHARES,
)


def properties(seal_type: str, migrate_from: str = "", address: str = NOWHERE) -> dict[str, Any]:
    return {
        "seal_type": seal_type,
        "migrate_from": migrate_from,
        "access": access(address).to_properties(),
        "replicas": 1,
    }


@pytest.mark.parametrize(
    ("olds", "news", "completes"),
    [
        (properties("transit", "shamir"), properties("transit"), True),
        (properties("transit", "shamir"), properties("shamir"), False),
        (properties("shamir"), properties("transit", "shamir"), False),
        (properties("transit", "shamir"), properties("transit", "shamir"), False),
        ({"seal_type": "transit"}, properties("transit"), False),
        # While the release of others was away the state saw no migration begin.
        (properties("shamir"), properties("transit"), True),
        # As in the state of an earlier version.
        ({}, properties("transit"), False),
    ],
)
def test_update_that_notes_the_new_seal(
    olds: Mapping[str, Any], news: Mapping[str, Any], completes: bool
) -> None:
    assert completes_migration(olds, news) is completes


def record(**changed: Any) -> KeyRecord:
    values: dict[str, Any] = {
        "deployment": "uid/vault/vault",
        "seal_type": "shamir",
        "seal_key": "",
        "threshold": 3,
        "root_token": "hvs.root",
        "key_shares": tuple(SHARES),
        "cluster_id": "7d",
        **changed,
    }
    return KeyRecord(**values)


def test_key_shares_become_recovery_shares_and_back() -> None:
    migrated = record_after_change(record(), seal_type="awskms", seal_key="arn")
    assert migrated == record(
        seal_type="awskms", seal_key="arn", key_shares=(), recovery_shares=tuple(SHARES)
    )
    assert migrated.fingerprint == record().fingerprint
    assert record_after_change(migrated, seal_type="awskms", seal_key="arn") == migrated
    assert record_after_change(migrated, seal_type="shamir", seal_key="") == record()


def test_recovery_shares_stay_with_another_seal_that_unseals_by_itself() -> None:
    before = record(seal_type="transit", key_shares=(), recovery_shares=tuple(SHARES))
    after = record_after_change(before, seal_type="awskms", seal_key="arn")
    assert (after.recovery_shares, after.key_shares) == (tuple(SHARES), ())
    assert (after.seal_type, after.seal_key) == ("awskms", "arn")


@pytest.fixture(autouse=True)
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> InitCluster:
    """The cluster that the lease lies in."""
    return provide_cluster(monkeypatch, tmp_path / "cluster")


@pytest.mark.parametrize("stored", [False, True])
def test_adopted_vault_whose_keys_are_not_known_is_only_recorded(stored: bool, tmp_path: Path) -> None:
    store = scripted_store.Store(str(tmp_path))
    custody = store_to_properties(scripted_store.__name__, store) if stored else {}
    keys: dict[str, Any] = {"root_token": "", "recovery_shares": [], "key_shares": []}
    places: dict[str, Any] = {"keys_location": "", "keys_version": "", "keys_fingerprint": ""}
    olds = {**init_inputs(migrate_from="shamir", custody=custody), **keys, **places, "deployment": DEPLOYMENT}
    news = init_inputs(custody=custody)
    outs = OperatorInitProvider().update("secrets/vault", olds, news).outs
    assert outs == {**news, **keys, **places, "deployment": DEPLOYMENT}
    assert store.read(TARGET) is None


def test_keys_in_the_state_are_those_of_the_new_seal_though_it_has_seen_no_migration() -> None:
    keys = {"root_token": "hvs.root", "recovery_shares": [], "key_shares": SHARES}
    olds = {**init_inputs(seal_type="shamir"), **keys, "deployment": DEPLOYMENT}
    outs = OperatorInitProvider().update("secrets/vault", olds, init_inputs()).outs
    assert outs is not None
    assert (outs["recovery_shares"], outs["key_shares"]) == (SHARES, [])


@pytest.mark.parametrize("slept", [False, True])
def test_stored_keys_are_those_of_the_new_seal_unless_another_run_is_at_work(
    tmp_path: Path, cluster: InitCluster, monkeypatch: pytest.MonkeyPatch, slept: bool
) -> None:
    store = scripted_store.Store(str(tmp_path))
    before = record(deployment=DEPLOYMENT)
    store.write(before, TARGET)
    custody = store_to_properties(scripted_store.__name__, store)
    olds = {**init_inputs(migrate_from="shamir", custody=custody), "deployment": DEPLOYMENT}
    olds |= {"root_token": "", "recovery_shares": [], "key_shares": [], "keys_version": "1"}
    if slept:
        monkeypatch.setattr(KeyCustody, "_require_replaceable", lambda *_: cluster.take_lease())
        with pytest.raises(KeysNotStoredError, match="Another run has taken Lease"):
            OperatorInitProvider().update("secrets/vault", olds, init_inputs(custody=custody))
        assert store.read(TARGET) == before
    else:
        outs = OperatorInitProvider().update("secrets/vault", olds, init_inputs(custody=custody)).outs
        assert outs is not None
        assert outs["keys_version"] == "2"
        after = store.read(TARGET)
        assert after is not None
        assert (after.seal_type, after.recovery_shares) == ("awskms", before.key_shares)
        assert after.key_shares == ()
