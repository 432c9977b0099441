"""The end of the root token: revoked once, taken out of the store, never made again."""

from pathlib import Path
from typing import Any

import pytest

from components import root_token_revocation
from components.custody import key_custody
from components.custody.key_custody import WRITE_ATTEMPTS, KeyCustody, KeysNotStoredError
from components.custody.key_store import store_to_properties
from components.errors import DeploymentError
from components.root_token_revocation import RootTokenRevocationProvider
from tests.unit.fakes import scripted_store
from tests.unit.fakes.init_inputs import DEPLOYMENT, NOWHERE, TARGET, InitCluster, access, provide_cluster
from tests.unit.fakes.scripted_vault import (
    LOOKUP_SELF,
    REVOKE_SELF,
    ROOT_TOKEN,
    Answer,
    ScriptedVault,
    error,
    no_content,
)
from tests.unit.fakes.vault_keys import STORED, shown

VALID = Answer({"data": {}})
UNKNOWN = error(403, "permission denied")


@pytest.fixture(autouse=True)
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> InitCluster:
    """The cluster that the lease lies in; waits are short."""
    monkeypatch.setattr(root_token_revocation, "_SECONDS", 0.3)
    monkeypatch.setattr(key_custody, "_PAUSE_SECONDS", 0)
    return provide_cluster(monkeypatch, tmp_path / "cluster")


@pytest.fixture
def store(tmp_path: Path) -> scripted_store.Store:
    return scripted_store.Store(str(tmp_path))


def inputs(address: str = NOWHERE, **changed: Any) -> dict[str, Any]:
    return {
        "access": access(address).to_properties(),
        "deployment": DEPLOYMENT,
        "custody": {},
        "root_token": ROOT_TOKEN,
        **changed,
    }


def stored_in(store: scripted_store.Store) -> dict[str, Any]:
    return {"custody": store_to_properties(scripted_store.__name__, store), "root_token": ""}


def test_token_of_the_state_is_revoked_once(vault: ScriptedVault, capfd: pytest.CaptureFixture[str]) -> None:
    vault.answers(LOOKUP_SELF, VALID)
    vault.answers(REVOKE_SELF, no_content())
    result = RootTokenRevocationProvider().create(inputs(vault.address))
    assert (result.id, result.outs) == (DEPLOYMENT, inputs(vault.address))
    assert [request.token for request in vault.asked(REVOKE_SELF)] == [ROOT_TOKEN]
    said = capfd.readouterr().err
    assert "The root token is revoked" in said
    assert shown(said) == []


def test_token_of_the_store_is_revoked_and_taken_out(
    vault: ScriptedVault, store: scripted_store.Store
) -> None:
    store.write(STORED, TARGET)
    vault.answers(LOOKUP_SELF, VALID)
    vault.answers(REVOKE_SELF, no_content())
    RootTokenRevocationProvider().create(inputs(vault.address, **stored_in(store)))
    assert [request.token for request in vault.asked(REVOKE_SELF)] == [ROOT_TOKEN]
    assert store.read(TARGET) == STORED.without_root_token()


def test_run_that_was_stopped_after_the_revocation_is_gone_on_with(
    vault: ScriptedVault, store: scripted_store.Store
) -> None:
    store.write(STORED, TARGET)
    vault.answers(LOOKUP_SELF, UNKNOWN)
    RootTokenRevocationProvider().create(inputs(vault.address, **stored_in(store)))
    assert vault.asked(REVOKE_SELF) == []
    assert store.read(TARGET) == STORED.without_root_token()


def test_adopted_vault_without_keys_has_no_token_to_revoke(
    vault: ScriptedVault, store: scripted_store.Store
) -> None:
    RootTokenRevocationProvider().create(inputs(vault.address, root_token=""))
    RootTokenRevocationProvider().create(inputs(vault.address, **stored_in(store)))
    assert vault.requests == []
    assert store.read(TARGET) is None


def test_vault_that_is_away_for_a_moment_is_waited_for(
    vault: ScriptedVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(root_token_revocation, "_SECONDS", 20)
    vault.answers(LOOKUP_SELF, error(503, "Vault is sealed"), VALID)
    vault.answers(REVOKE_SELF, error(500, "no leader"), no_content())
    RootTokenRevocationProvider().create(inputs(vault.address))
    assert len(vault.asked(REVOKE_SELF)) == 2


def test_token_stays_where_it_is_as_long_as_it_is_valid(store: scripted_store.Store) -> None:
    store.write(STORED, TARGET)
    with pytest.raises(
        DeploymentError, match="The root token couldn't be revoked: no answer from Vault"
    ) as raised:
        RootTokenRevocationProvider().create(inputs(**stored_in(store)))
    assert str(raised.value).endswith("\nvault-0: Pending\nRun pulumi up again.")
    assert shown(str(raised.value)) == []
    assert store.read(TARGET) == STORED


def test_store_that_fails_is_told(vault: ScriptedVault, store: scripted_store.Store) -> None:
    store.write(STORED, TARGET)
    store.fail(WRITE_ATTEMPTS)
    vault.answers(LOOKUP_SELF, UNKNOWN)
    with pytest.raises(KeysNotStoredError):
        RootTokenRevocationProvider().create(inputs(vault.address, **stored_in(store)))


def test_update_revokes_nothing(vault: ScriptedVault) -> None:
    news = inputs(vault.address, root_token="hvs.made-later")
    assert RootTokenRevocationProvider().update("id", inputs(), news).outs == news
    assert vault.requests == []


def test_diff_never_replaces() -> None:
    result = RootTokenRevocationProvider().diff("id", inputs(), inputs(root_token="hvs.made-later"))
    assert (result.changes, result.replaces) == (True, [])


def test_delete_says_that_the_token_stays_revoked(capfd: pytest.CaptureFixture[str]) -> None:
    RootTokenRevocationProvider().delete("id", inputs())
    said = capfd.readouterr().err
    assert "stays revoked; python -m components generate-root makes a new one" in said
    assert shown(said) == []


def test_run_that_slept_overwrites_nothing(
    vault: ScriptedVault,
    store: scripted_store.Store,
    cluster: InitCluster,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store.write(STORED, TARGET)
    vault.answers(LOOKUP_SELF, UNKNOWN)
    monkeypatch.setattr(KeyCustody, "_require_replaceable", lambda *_: cluster.take_lease())
    with pytest.raises(KeysNotStoredError, match="Another run has taken Lease"):
        RootTokenRevocationProvider().create(inputs(vault.address, **stored_in(store)))
    assert store.read(TARGET) == STORED
