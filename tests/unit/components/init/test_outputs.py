from components.custody.key_store import KeyReference
from components.init.outputs import SECRET_OUTPUTS, key_outputs, record_after_change
from tests.unit.fakes.key_records import ROOT_TOKEN, SHARES, shamir_record


def test_key_shares_become_recovery_shares_and_back() -> None:
    migrated = record_after_change(shamir_record(), seal_type="awskms", seal_key="arn")
    assert migrated == shamir_record(
        seal_type="awskms", seal_key="arn", key_shares=(), recovery_shares=SHARES
    )
    assert migrated.fingerprint == shamir_record().fingerprint
    assert record_after_change(migrated, seal_type="awskms", seal_key="arn") == migrated
    assert record_after_change(migrated, seal_type="shamir", seal_key="") == shamir_record()


def test_recovery_shares_stay_with_another_seal_that_unseals_by_itself() -> None:
    before = shamir_record(seal_type="transit", key_shares=(), recovery_shares=SHARES)
    after = record_after_change(before, seal_type="awskms", seal_key="arn")
    assert (after.recovery_shares, after.key_shares) == (SHARES, ())
    assert (after.seal_type, after.seal_key) == ("awskms", "arn")


def test_keys_are_outputs_only_if_the_state_keeps_them() -> None:
    reference = KeyReference(location="somewhere", version="7")
    kept = key_outputs(shamir_record(), reference, in_state=True)
    assert (kept["root_token"], kept["recovery_shares"], kept["key_shares"]) == (ROOT_TOKEN, [], [*SHARES])
    stored = key_outputs(shamir_record(), reference, in_state=False)
    assert [stored[name] for name in SECRET_OUTPUTS] == ["", [], []]
    for outputs in (kept, stored):
        assert (outputs["keys_location"], outputs["keys_version"]) == ("somewhere", "7")
        assert outputs["keys_fingerprint"] == shamir_record().fingerprint


def test_without_keys_their_outputs_are_empty() -> None:
    outputs = key_outputs(None, KeyReference(location="", version=""), in_state=True)
    assert not any(outputs.values())
