"""Another storage or seal than Vault has is refused before the release is changed."""

from typing import Any

import pytest

from components.release_guard import INPUTS, ReleaseGuardProvider


def failures(olds: dict[str, Any], storage: str, *, migrated_to: str = "") -> list[str]:
    news = {"storage": storage, "migrated_to": migrated_to, "seal_type": "awskms", "migrate_from": ""}
    answer = ReleaseGuardProvider().check(olds, news)
    return [failure.reason for failure in answer.failures]


@pytest.mark.parametrize(
    ("old", "new", "back"), [("raft", "file", "mode back to ha"), ("file", "raft", "mode back to standalone")]
)
def test_another_storage_is_refused_with_the_way_to_migrate(old: str, new: str, back: str) -> None:
    (reason,) = failures({"storage": old}, new)
    assert f"{old} storage" in reason
    assert f"empty {new} storage" in reason
    assert back in reason
    assert "docs/modes.md" in reason
    assert f"set storageMigratedTo to {new}" in reason


def test_storage_that_the_data_were_moved_to_is_taken() -> None:
    assert failures({"storage": "file"}, "raft", migrated_to="raft") == []
    assert failures({"storage": "raft"}, "file", migrated_to="raft") != []


@pytest.mark.parametrize("olds", [{}, {"storage": "raft"}])
def test_the_same_or_the_first_storage_is_taken(olds: dict[str, Any]) -> None:
    assert failures(olds, "raft") == []


def test_another_seal_is_refused_unless_it_is_a_migration() -> None:
    news = {"storage": "raft", "migrated_to": "", "seal_type": "awskms", "migrate_from": ""}
    olds = {**news, "seal_type": "shamir"}
    (failure,) = ReleaseGuardProvider().check(olds, news).failures
    assert failure.property == "seal_type"
    assert "set migrateFrom" in failure.reason
    assert ReleaseGuardProvider().check(olds, {**news, "migrate_from": "shamir"}).failures == []


def test_state_has_what_was_asked_for_after_create_and_update() -> None:
    provider = ReleaseGuardProvider()
    first = {
        "storage": "file",
        "migrated_to": "",
        "seal_type": "shamir",
        "seal_key": "",
        "migrate_from": "",
        "migrate_from_key": "",
        "image": "hashicorp/vault:1.18.1",
        "volumes": {},
        "access": {},
        "replicas": 1,
    }
    assert provider.create(first).outs == first
    moved = {**first, "storage": "raft", "migrated_to": "raft"}
    assert provider.update("release-guard", first, moved).outs == moved


def test_stack_that_audits_is_recorded_as_one_and_no_longer_if_it_enables_nothing() -> None:
    provider, plain = ReleaseGuardProvider(), dict.fromkeys(INPUTS[:-1], "")
    audited = {**plain, "audited": True}
    assert INPUTS[-1] == "audited"
    assert not provider.diff("release-guard", plain, plain).changes
    assert provider.diff("release-guard", plain, audited).changes
    assert provider.create(audited).outs == audited
    assert provider.update("release-guard", audited, plain).outs == plain
