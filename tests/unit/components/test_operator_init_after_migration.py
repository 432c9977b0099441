"""What becomes of the keys when Vault has a new seal."""

from pathlib import Path
from typing import Any

import pytest

from components.custody.key_custody import KeyCustody, KeysNotStoredError
from components.custody.key_store import store_to_properties
from components.operator_init import OperatorInitProvider
from tests.unit.fakes import scripted_store
from tests.unit.fakes.init_inputs import (
    DEPLOYMENT,
    TARGET,
    InitCluster,
    init_inputs,
    provide_cluster,
)
from tests.unit.fakes.key_records import shamir_record
from tests.unit.fakes.scripted_vault import (
    SHARES,
)


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
    before = shamir_record(deployment=DEPLOYMENT)
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
