"""What the quorum is verified with, and that the init's journal ends once the engine has saved the keys."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.custody.key_store import KeyStoreError, store_to_properties
from components.errors import DeploymentError
from components.raft_quorum import RaftQuorumProvider
from tests.unit.fakes import scripted_store
from tests.unit.fakes.init_inputs import (
    CIPHER,
    NOWHERE,
    TARGET,
    InitCluster,
    journal,
    provide_cluster,
    quorum_inputs,
)
from tests.unit.fakes.scripted_vault import (
    AUTOPILOT_STATE,
    LEADER,
    LOOKUP_SELF,
    ROOT_TOKEN,
    SEAL_STATUS,
    Answer,
    ScriptedVault,
    error,
    seal_status,
)
from tests.unit.fakes.vault_keys import OTHER, RECORD, STORED, UNSEALED, shown

SERVER = {"address": "vault-0.vault-internal:8201", "healthy": True}
AUTOPILOT = Answer(
    {"data": {"healthy": True, "leader": "vault-0", "voters": ["vault-0"], "servers": {"vault-0": SERVER}}}
)
LEADS = Answer(
    {
        "ha_enabled": True,
        "is_self": True,
        "leader_address": "http://vault-0.vault-internal:8200",
        "raft_committed_index": 40,
        "raft_applied_index": 40,
    }
)


@pytest.fixture(autouse=True)
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> InitCluster:
    """The cluster that the journal lies in."""
    return provide_cluster(monkeypatch, tmp_path)


@pytest.fixture
def store(tmp_path: Path) -> scripted_store.Store:
    """It has the keys of the init."""
    (tmp_path / "store").mkdir()
    store = scripted_store.Store(str(tmp_path / "store"))
    store.write(STORED, TARGET)
    return store


@pytest.fixture
def vault(vault: ScriptedVault) -> ScriptedVault:
    """One healthy server."""
    vault.answers(SEAL_STATUS, UNSEALED)
    vault.answers(AUTOPILOT_STATE, AUTOPILOT)
    vault.answers(LOOKUP_SELF, Answer({"data": {}}))
    vault.answers(LEADER, LEADS)
    return vault


def inputs(address: str = NOWHERE, **changed: Any) -> dict[str, Any]:
    one_server = {"replicas": 1, "keys_fingerprint": RECORD.fingerprint}
    return quorum_inputs(address, **{**one_server, **changed})


def in_store(store: scripted_store.Store, **changed: Any) -> dict[str, Any]:
    return {"token": "", "custody": store_to_properties(scripted_store.__name__, store), **changed}


def keep_in_journal() -> None:
    opened = journal()
    opened.begin(CIPHER)
    opened.keep(RECORD)


# The journal


@pytest.mark.parametrize("change", ["create", "update"])
def test_journal_ends_once_the_state_has_the_keys(vault: ScriptedVault, change: str) -> None:
    keep_in_journal()
    provider, news = RaftQuorumProvider(), inputs(vault.address)
    if change == "create":
        provider.create(news)
    else:
        provider.update("id", inputs(vault.address, keys_fingerprint="sha256:of-the-old-ones"), news)
    assert journal().find() is None


def test_journal_ends_though_the_quorum_does_not_come() -> None:
    keep_in_journal()
    with pytest.raises(DeploymentError, match="Its keys are safe in the stack's state"):
        RaftQuorumProvider().create(inputs())
    assert journal().find() is None


def test_journal_ends_once_the_state_knows_the_keys_in_a_store(
    vault: ScriptedVault, store: scripted_store.Store
) -> None:
    keep_in_journal()
    known = {"keys_fingerprint": RECORD.fingerprint, **in_store(store)}
    RaftQuorumProvider().create(inputs(vault.address, **known))
    assert journal().find() is None


def test_journal_with_other_keys_than_the_states_stays(vault: ScriptedVault) -> None:
    """A change of shares that counted, and whose run was killed before the state was saved."""
    keep_in_journal()
    RaftQuorumProvider().create(inputs(vault.address, keys_fingerprint=OTHER.fingerprint))
    assert journal().recover(CIPHER) == RECORD


# The token


def test_root_token_of_the_store_reads_the_state_of_raft(
    vault: ScriptedVault, store: scripted_store.Store
) -> None:
    result = RaftQuorumProvider().create(inputs(vault.address, **in_store(store)))
    assert {request.token for request in vault.asked(AUTOPILOT_STATE)} == {ROOT_TOKEN}
    assert result.outs is not None
    assert shown(str(result.outs)) == []
    RaftQuorumProvider().read("id", result.outs)
    assert len(vault.asked(AUTOPILOT_STATE)) == 2


def test_token_of_the_settings_goes_before_the_stores(
    vault: ScriptedVault, store: scripted_store.Store
) -> None:
    RaftQuorumProvider().create(inputs(vault.address, **in_store(store, token="hvs.own")))
    assert {request.token for request in vault.asked(AUTOPILOT_STATE)} == {"hvs.own"}


def test_store_with_foreign_keys_is_refused(vault: ScriptedVault, store: scripted_store.Store) -> None:
    store.write(replace(STORED, deployment="other-uid/secrets/vault"), TARGET)
    with pytest.raises(KeyStoreError, match="holds the keys of another Vault"):
        RaftQuorumProvider().create(inputs(vault.address, **in_store(store)))
    assert vault.requests == []


def test_refresh_loses_nothing_where_the_store_cannot_be_asked(
    vault: ScriptedVault, store: scripted_store.Store, capfd: pytest.CaptureFixture[str]
) -> None:
    (Path(store.folder) / "record").write_text(f"the token is {ROOT_TOKEN}")
    known = {
        **inputs(vault.address, **in_store(store)),
        "peers": [],
        "cluster_id": "7d",
        "vault_version": "1",
    }
    assert RaftQuorumProvider().read("id", known).outs == known
    said = capfd.readouterr().err
    assert "those of the last update are kept" in said
    assert shown(said) == []


# No token


@pytest.mark.parametrize("token", ["", ROOT_TOKEN], ids=["none", "revoked"])
def test_without_a_token_the_leadership_is_verified(
    vault: ScriptedVault, token: str, capfd: pytest.CaptureFixture[str]
) -> None:
    vault.answers(LOOKUP_SELF, error(403, "permission denied"))
    result = RaftQuorumProvider().create(inputs(vault.address, token=token, token_needed=False))
    assert result.outs is not None
    assert (result.outs["cluster_id"], result.outs["vault_version"]) == ("7d0f", "1.18.1")
    (peer,) = result.outs["peers"]
    assert (peer["node_id"], peer["leader"], peer["voter"], peer["healthy"]) == ("vault-0", True, None, None)
    assert vault.asked(AUTOPILOT_STATE) == []
    assert "so the voters weren't verified" in capfd.readouterr().err


def test_token_that_is_there_still_reads_the_state_of_raft(vault: ScriptedVault) -> None:
    """Before the revocation, which comes after the quorum."""
    result = RaftQuorumProvider().create(inputs(vault.address, token_needed=False))
    assert result.outs is not None
    assert result.outs["peers"][0]["voter"] is True
    assert vault.asked(LEADER) == []


@pytest.mark.parametrize(
    ("call", "answer", "why"),
    [
        (SEAL_STATUS, seal_status(initialized=True), "vault-0 is sealed"),
        (LEADER, Answer({**LEADS.body, "is_self": False}), "0 pods lead instead of one"),
    ],
)
def test_leadership_that_does_not_come(vault: ScriptedVault, call: str, answer: Answer, why: str) -> None:
    vault.answers(LOOKUP_SELF, error(403, "permission denied"))
    vault.answers(call, answer)
    with pytest.raises(DeploymentError, match=why):
        RaftQuorumProvider().create(inputs(vault.address, token_needed=False))


def test_token_that_is_needed_is_not_done_without(vault: ScriptedVault) -> None:
    vault.answers(AUTOPILOT_STATE, error(403, "permission denied"))
    with pytest.raises(DeploymentError, match="doesn't let the token read raft's state"):
        RaftQuorumProvider().create(inputs(vault.address))
    assert vault.asked(LEADER) == []


# One pod on file storage


@pytest.mark.parametrize("step", ["create", "read"])
def test_one_pod_on_file_storage_has_no_raft_to_ask(vault: ScriptedVault, step: str) -> None:
    vault.answers(LEADER, Answer({"ha_enabled": False}))
    props = inputs(vault.address, storage="file")
    provider = RaftQuorumProvider()
    outs = provider.create(props).outs if step == "create" else provider.read("id", props).outs
    assert outs is not None
    (server,) = outs["peers"]
    assert (server["node_id"], server["leader"], server["voter"]) == ("vault-0", True, None)
    assert vault.asked(AUTOPILOT_STATE) == []
