from typing import Any

from components.custody.key_record import KeyRecord
from components.custody.key_store import KeyReference
from components.init.outputs import SECRET_OUTPUTS, key_outputs, record_after_change
from tests.unit.fakes.scripted_vault import SHARES


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


def test_keys_are_outputs_only_if_the_state_keeps_them() -> None:
    reference = KeyReference(location="somewhere", version="7")
    kept = key_outputs(record(), reference, in_state=True)
    assert (kept["root_token"], kept["recovery_shares"], kept["key_shares"]) == ("hvs.root", [], SHARES)
    stored = key_outputs(record(), reference, in_state=False)
    assert [stored[name] for name in SECRET_OUTPUTS] == ["", [], []]
    for outputs in (kept, stored):
        assert (outputs["keys_location"], outputs["keys_version"]) == ("somewhere", "7")
        assert outputs["keys_fingerprint"] == record().fingerprint


def test_without_keys_their_outputs_are_empty() -> None:
    outputs = key_outputs(None, KeyReference(location="", version=""), in_state=True)
    assert not any(outputs.values())
