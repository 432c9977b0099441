"""The seal of a real Vault is changed, and the resource of its init notes it down: not before it is true."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.custody.key_custody import STATE_LOCATION
from components.custody.key_record import KeyRecord
from components.custody.key_store import store_to_properties
from components.custody.stores import file
from components.custody.stores.file import Store
from components.operator_init import OperatorInitProvider
from components.release_guard import ReleaseGuardProvider
from components.seals.seal import SealStanza
from tests.integration.key_service import REGION, run_key_service
from tests.integration.migrating_vault import MigratingVault, migrating_vault
from tests.integration.program_inputs import DEPLOYMENT, init_inputs
from tests.integration.vault_servers import ACCESS

AWSKMS_KEY = "arn:aws:kms:ap-northeast-2:123456789012:key/1"


def state(vault: MigratingVault, **inputs: Any) -> dict[str, Any]:
    """What the engine has of the init."""
    return {
        **init_inputs(**inputs),
        "cluster_initialized_here": True,
        "vault_version": "1.18.1",
        "deployment": DEPLOYMENT,
        "keys_location": STATE_LOCATION,
        "keys_version": "",
        "keys_fingerprint": "",
        "root_token": vault.answer.root_token,
        "recovery_shares": list(vault.answer.recovery_shares),
        "key_shares": list(vault.answer.key_shares),
    }


def updated(olds: dict[str, Any], **inputs: Any) -> dict[str, Any]:
    """What an update makes of the state."""
    assert problems(olds, **inputs) == {}
    outputs = OperatorInitProvider().update("id", olds, changed(olds, inputs)).outs
    assert outputs is not None
    return outputs


def problems(olds: dict[str, Any], **inputs: Any) -> Mapping[str, str]:
    """What an update is refused for, before the release or at the init."""
    news = changed(olds, inputs)
    guard = {"storage": "raft", "migrated_to": "", "replicas": 1}
    results = (
        ReleaseGuardProvider().check({**olds, **guard}, {**news, **guard}),
        OperatorInitProvider().check(olds, news),
    )
    return {failure.property: failure.reason for result in results for failure in result.failures}


def changed(olds: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {**{name: olds[name] for name in init_inputs()}, **inputs}


def changes_to_awskms(vault: MigratingVault, shamir: dict[str, Any]) -> dict[str, Any]:
    """What the engine has once the seal was migrated, and may not have before."""
    refused = problems(shamir, seal_type="awskms", seal_key=AWSKMS_KEY)["seal_type"]
    assert "set migrateFrom" in refused
    begun = updated(shamir, seal_type="awskms", seal_key=AWSKMS_KEY, migrate_from="shamir")
    assert begun["key_shares"] == shamir["key_shares"]
    assert "seal is being migrated" in problems(begun, shares=7)["shares"]
    vault.configure_both()
    too_early = problems(begun, migrate_from="")["migrate_from"]
    assert "vault-0: it runs with the configuration from before" in too_early
    # The command takes the shares from wherever the stack has them.
    vault.outputs["custody"] = begun["custody"] or {"store": "state"}
    assert vault.migrate() == 0, "\n".join(vault.events)
    back = problems(begun, seal_type="shamir", seal_key="", migrate_from="")["seal_type"]
    assert "can't simply be set back" in back
    done = updated(begun, migrate_from="")
    assert problems(done) == {}
    return done


@pytest.fixture
def vault(vault_program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MigratingVault]:
    """One server with Shamir's seal, that is to get one of KMS."""
    monkeypatch.setenv("PATH", str(tmp_path / "commands"), prepend=":")
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
    with (
        run_key_service() as kms,
        migrating_vault(
            vault_program,
            tmp_path,
            old=None,
            new=SealStanza("awskms", {"region": REGION, "kms_key_id": kms.key_id}),
            environment=kms.environment,
            replicas=1,
        ) as migrating,
    ):
        yield migrating


def test_keys_in_the_state(vault: MigratingVault) -> None:
    shamir = state(vault, seal_type="shamir", seal_key="")
    done = changes_to_awskms(vault, shamir)
    assert done["key_shares"] == []
    assert done["recovery_shares"] == shamir["key_shares"]
    assert done["root_token"] == shamir["root_token"]
    # New shares are made of the kind that the shares have now.
    rotated = updated(done, shares=3, threshold=2)
    assert len(set(rotated["recovery_shares"])) == 3
    assert rotated["key_shares"] == []


def test_keys_in_a_store(vault: MigratingVault, tmp_path: Path) -> None:
    store = Store(str(tmp_path / "keys.json"))
    properties = store_to_properties(file.__name__, store)
    shamir_keys = KeyRecord(
        deployment=DEPLOYMENT,
        seal_type="shamir",
        seal_key="",
        threshold=3,
        root_token=vault.answer.root_token,
        key_shares=tuple(vault.answer.key_shares),
    )
    store.write(shamir_keys, ACCESS.target)
    vault.outputs.update(root_token="", key_shares=[])
    shamir = {
        **state(vault, seal_type="shamir", seal_key="", custody=properties),
        "root_token": "",
        "key_shares": [],
    }
    done = changes_to_awskms(vault, shamir)
    assert (done["root_token"], done["key_shares"], done["recovery_shares"]) == ("", [], [])
    assert store.read(ACCESS.target) == replace(
        shamir_keys,
        seal_type="awskms",
        seal_key=AWSKMS_KEY,
        key_shares=(),
        recovery_shares=shamir_keys.key_shares,
    )
