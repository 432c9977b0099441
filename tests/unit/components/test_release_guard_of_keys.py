"""Another key than the one that Vault is sealed with is refused, whatever the seal."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pulumi.output import Unknown

from components.release_guard import ReleaseGuardProvider
from tests.unit.fakes.init_inputs import InitCluster, access, provide_cluster
from tests.unit.fakes.init_runs import at_pod, pods_answer
from tests.unit.fakes.scripted_vault import LEADER, Answer, ScriptedVault, error, seal_status
from tests.unit.fakes.vault_keys import UNSEALED

UNKNOWN: Any = object.__new__(Unknown)
BLANK = seal_status("transit")
SEALED = seal_status("transit", initialized=True)
LEADS = Answer({"ha_enabled": True, "is_self": True, "leader_address": "http://vault-0:8200"})


@pytest.fixture(autouse=True)
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> InitCluster:
    """It has pods 0 and 1."""
    cluster = provide_cluster(monkeypatch, tmp_path)
    cluster.add_server("vault-1")
    return cluster


def guarded(vault: ScriptedVault, seal_type: str = "transit", **changed: Any) -> dict[str, Any]:
    return {
        "storage": "raft",
        "migrated_to": "",
        "seal_type": seal_type,
        "seal_key": "transit/keys/a",
        "migrate_from": "",
        "migrate_from_key": "",
        "image": "hashicorp/vault:1.18.1",
        "volumes": {},
        "access": access(f"{vault.address}/{{pod}}").to_properties(),
        "replicas": 2,
        **changed,
    }


def failures(olds: Mapping[str, Any], news: Mapping[str, Any]) -> list[tuple[str, str]]:
    answer = ReleaseGuardProvider().check(dict(olds), dict(news))
    return [(failure.property, failure.reason) for failure in answer.failures]


KEYS = {
    "transit": ("transit/keys/a", "transit/keys/b"),
    "azurekeyvault": ("https://acme.vault.azure.net/keys/a", "https://acme.vault.azure.net/keys/b"),
    "gcpckms": (
        "projects/p/locations/l/keyRings/r/cryptoKeys/a",
        "projects/p/locations/l/keyRings/r/cryptoKeys/b",
    ),
    "awskms": ("arn:aws:kms:eu-central-1:123456789012:key/1", "arn:aws:kms:eu-central-1:123456789012:key/2"),
}


@pytest.mark.parametrize("statuses", [(UNSEALED, UNSEALED), (SEALED, BLANK), (BLANK, SEALED)])
@pytest.mark.parametrize("seal_type", KEYS)
def test_another_key_of_an_initialised_vault_is_refused(
    vault: ScriptedVault, seal_type: str, statuses: tuple[Answer, Answer]
) -> None:
    pods_answer(vault, *statuses)
    old, new = KEYS[seal_type]
    olds = guarded(vault, seal_type, seal_key=old)
    ((name, reason),) = failures(olds, {**olds, "seal_key": new})
    assert name == "seal_key"
    assert f"Vault is sealed with the key {old}, and now it would be {new}" in reason
    assert "is initialised. Nothing else opens what a key has sealed, so set it back" in reason
    assert "two migrations" in reason


def test_key_may_change_before_the_init(vault: ScriptedVault) -> None:
    pods_answer(vault, BLANK, BLANK)
    assert failures(guarded(vault), guarded(vault, seal_key="transit/keys/b")) == []


def test_key_may_change_before_there_is_a_release(vault: ScriptedVault, cluster: InitCluster) -> None:
    for kind in ("statefulset", "pod", "pvc"):
        for name in cluster.objects.names(kind):
            cluster.objects.remove(kind, name)
    assert failures(guarded(vault), guarded(vault, seal_key="transit/keys/b")) == []


@pytest.mark.parametrize("answer", [error(503, "Vault is sealed"), error(400, "no")])
def test_key_of_a_vault_that_cannot_be_asked_is_not_changed(vault: ScriptedVault, answer: Answer) -> None:
    pods_answer(vault, BLANK, answer)
    ((_, reason),) = failures(guarded(vault), guarded(vault, seal_key="transit/keys/b"))
    assert "whether vault-1 is initialised can't be seen" in reason
    assert "Let it run, so that it can be asked; or, if no Vault was ever initialised here" in reason
    assert "data-vault" not in reason


def test_server_without_a_volume_has_no_vault(vault: ScriptedVault, cluster: InitCluster) -> None:
    cluster.objects.put("pvc", "data-vault-1", status={"phase": "Pending"})
    pods_answer(vault, BLANK, error(503, "starting"))
    assert failures(guarded(vault), guarded(vault, seal_key="transit/keys/b")) == []


def test_volumes_that_a_release_has_left_may_have_a_vault(vault: ScriptedVault, cluster: InitCluster) -> None:
    cluster.objects.remove("statefulset", "vault")
    ((_, reason),) = failures(guarded(vault), guarded(vault, seal_key="transit/keys/b"))
    assert "the StatefulSet is gone, and has left pods or volumes" in reason


@pytest.mark.parametrize("new", ["transit/keys/a", UNKNOWN, None], ids=["same", "unknown", "none"])
def test_key_that_is_the_same_or_not_known_yet_asks_nobody(vault: ScriptedVault, new: Any) -> None:
    assert failures(guarded(vault), guarded(vault, seal_key=new)) == []
    assert vault.requests == []


def test_state_of_an_earlier_version_learns_the_key(vault: ScriptedVault) -> None:
    earlier = guarded(vault)
    for name in ("seal_key", "migrate_from_key"):
        del earlier[name]
    provider = ReleaseGuardProvider()
    assert failures(earlier, guarded(vault)) == []
    assert provider.diff("id", earlier, guarded(vault)).replaces == []
    assert provider.update("id", earlier, guarded(vault)).outs == guarded(vault)
    assert vault.requests == []


# In a migration of the seal


def migrating(vault: ScriptedVault, **changed: Any) -> dict[str, Any]:
    return guarded(vault, migrate_from="awskms", migrate_from_key="arn:1", **changed)


@pytest.mark.parametrize("key", ["arn:1", "arn:2"])
def test_seal_that_vault_leaves_keeps_its_key(vault: ScriptedVault, key: str) -> None:
    """From the update on that begins the migration."""
    pods_answer(vault, UNSEALED, UNSEALED)
    found = failures(
        guarded(vault, "awskms", seal_key="arn:1"), {**migrating(vault), "migrate_from_key": key}
    )
    assert [name for name, _ in found] == ([] if key == "arn:1" else ["migrate_from_key"])


@pytest.mark.parametrize(("status", "refused"), [("awskms", False), ("transit", True)])
def test_new_seals_key_may_change_until_the_storage_has_that_seal(
    vault: ScriptedVault, status: str, refused: bool
) -> None:
    answer = seal_status(status, initialized=True, sealed=False, cluster_id="7d0f")
    pods_answer(vault, answer, answer)
    for pod in ("vault-0", "vault-1"):
        vault.answers(at_pod(pod, LEADER), LEADS)
    found = failures(migrating(vault), migrating(vault, seal_key="transit/keys/b"))
    assert [name for name, _ in found] == (["seal_key"] if refused else [])


def test_seal_that_vault_has_reached_keeps_its_key(vault: ScriptedVault) -> None:
    """In the update that ends the migration."""
    pods_answer(vault, UNSEALED, UNSEALED)
    unsealed = seal_status("transit", initialized=True, sealed=False, cluster_id="7d0f")
    pods_answer(vault, unsealed, unsealed)
    for pod in ("vault-0", "vault-1"):
        vault.answers(at_pod(pod, LEADER), LEADS)
    assert failures(migrating(vault), guarded(vault)) == []
    ((name, _),) = failures(migrating(vault), guarded(vault, seal_key="transit/keys/b"))
    assert name == "seal_key"


KMS_KEY = "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555"
REPLICA = f"arn:aws:kms:eu-central-1:123456789012:key/mrk-{'0' * 32}"


def test_replica_of_a_multi_region_key_is_the_same_key(vault: ScriptedVault) -> None:
    olds = guarded(vault, "awskms", seal_key=REPLICA)
    assert failures(olds, {**olds, "seal_key": REPLICA.replace("eu-central-1", "us-west-2")}) == []
    assert vault.requests == []


@pytest.mark.parametrize(
    "new", [REPLICA.replace("mrk-0", "mrk-1"), REPLICA.replace("123456789012", "999999999999"), KMS_KEY]
)
def test_other_key_of_kms_is_refused(vault: ScriptedVault, new: str) -> None:
    pods_answer(vault, UNSEALED, UNSEALED)
    olds = guarded(vault, "awskms", seal_key=REPLICA)
    assert [name for name, _ in failures(olds, {**olds, "seal_key": new})] == ["seal_key"]


def test_destroy_says_how_the_key_is_used_again(
    vault: ScriptedVault, capfd: pytest.CaptureFixture[str]
) -> None:
    ReleaseGuardProvider().delete("release-guard", guarded(vault, "awskms", seal_key=KMS_KEY))
    assert capfd.readouterr().err.endswith(f"pulumi config set --path key.arn {KMS_KEY}\n")


@pytest.mark.parametrize(("seal_type", "key"), [("transit", "transit/keys/a"), ("awskms", "")])
def test_destroy_says_nothing_of_a_key_that_is_no_setting(
    vault: ScriptedVault, capfd: pytest.CaptureFixture[str], seal_type: str, key: str
) -> None:
    ReleaseGuardProvider().delete("release-guard", guarded(vault, seal_type, seal_key=key))
    assert capfd.readouterr().err == ""
