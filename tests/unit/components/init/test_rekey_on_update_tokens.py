"""New shares on a Vault 2.x, which wants a token for it, and what an earlier run or people left there."""

from pathlib import Path

import pytest
from pulumi.dynamic import Config, ConfigureRequest

from components.custody.key_record import KeyRecord
from components.custody.key_store import store_to_properties
from components.errors import DeploymentError
from components.operator_init import OperatorInitProvider
from tests.unit.fakes import scripted_store
from tests.unit.fakes.init_inputs import (
    CIPHER,
    DEPLOYMENT,
    TARGET,
    InitCluster,
    init_inputs,
    journal,
    provide_cluster,
)
from tests.unit.fakes.scripted_vault import (
    CANCEL_REKEY,
    REKEY,
    ROOT_TOKEN,
    START_REKEY,
    UPDATE_REKEY,
    Answer,
    ScriptedVault,
    error,
)
from tests.unit.fakes.share_changes import NEW, answer_change
from tests.unit.fakes.vault_keys import NEW_TOKEN, OTHER, RECORD, STORED, shown

SETTING = "hvs.of-the-settings"


@pytest.fixture(autouse=True)
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> InitCluster:
    """The cluster that the journal lies in."""
    return provide_cluster(monkeypatch, tmp_path)


@pytest.fixture
def store(tmp_path: Path) -> scripted_store.Store:
    (tmp_path / "store").mkdir()
    return scripted_store.Store(str(tmp_path / "store"))


@pytest.fixture
def vault(vault: ScriptedVault) -> ScriptedVault:
    """Takes the current shares, and gives four new ones for three of them."""
    answer_change(vault)
    return vault


def update(vault: ScriptedVault, store: scripted_store.Store, token: str = SETTING) -> None:
    """As the engine asks for four shares instead of five, with that setting `token`."""
    olds = {
        **init_inputs(vault.address, custody=store_to_properties(scripted_store.__name__, store)),
        "cluster_initialized_here": True,
        "vault_version": "2.0.1",
        "deployment": DEPLOYMENT,
        "keys_location": store.location,
        "keys_version": "1",
        "keys_fingerprint": RECORD.fingerprint,
        "root_token": "",
        "recovery_shares": [],
        "key_shares": [],
    }
    provider = OperatorInitProvider()
    provider.configure(ConfigureRequest(Config({"vault-autounseal:token": token}, "vault-autounseal")))
    provider.update("id", olds, {**olds, "shares": 4, "threshold": 2})


def shares_in(store: scripted_store.Store) -> list[str]:
    record = store.read(TARGET)
    assert record is not None
    return list(record.shares)


@pytest.mark.parametrize(
    ("record", "valid"),
    [(STORED, ROOT_TOKEN), (STORED, SETTING), (STORED.without_root_token(), SETTING)],
    ids=["root token", "root token revoked by somebody", "root token revoked by the stack"],
)
def test_every_call_carries_a_token_that_may_do_it(
    vault: ScriptedVault, store: scripted_store.Store, record: KeyRecord, valid: str
) -> None:
    store.write(record, TARGET)
    vault.wants_tokens(valid, NEW_TOKEN)
    update(vault, store)
    assert shares_in(store) == NEW
    assert {request.token for request in vault.requests if "rekey" in request.call} == {valid}


def test_setting_lets_the_shares_alone_change_shares(
    vault: ScriptedVault, store: scripted_store.Store
) -> None:
    store.write(STORED.without_root_token(), TARGET)
    vault.wants_tokens(NEW_TOKEN, unauthenticated=["generate-root"])
    update(vault, store, token="")
    assert shares_in(store) == NEW


def test_change_without_a_token_that_may_do_it_changes_nothing(
    vault: ScriptedVault, store: scripted_store.Store
) -> None:
    store.write(STORED, TARGET)
    vault.wants_tokens("hvs.of-nobody-here")
    with pytest.raises(
        DeploymentError, match=r"The shares couldn't be changed: .*2\.0.*unauthenticated"
    ) as raised:
        update(vault, store)
    assert shown(str(raised.value)) == []
    assert SETTING not in str(raised.value)
    assert vault.asked(START_REKEY) == []
    assert journal().find() is None
    assert store.read(TARGET) == STORED


@pytest.mark.parametrize("unauthenticated", [[], ["generate-root"]])
def test_interrupted_change_is_settled_with_a_token(
    vault: ScriptedVault, store: scripted_store.Store, unauthenticated: list[str]
) -> None:
    store.write(STORED if not unauthenticated else STORED.without_root_token(), TARGET)
    opened = journal()
    with opened.lease.held(0):
        opened.begin(CIPHER)
        opened.lease.note_attempt("rekey", "earlier")
    opened.keep(OTHER)
    vault.answers(
        REKEY, Answer({"started": True, "nonce": "earlier"}), Answer({"started": False, "nonce": ""})
    )
    vault.wants_tokens(NEW_TOKEN, *([] if unauthenticated else [ROOT_TOKEN]), unauthenticated=unauthenticated)
    update(vault, store, token="")
    assert [request.body for request in vault.asked(CANCEL_REKEY)] == [{"nonce": "earlier"}]
    assert shares_in(store) == NEW


def test_rekey_of_a_run_that_was_killed_is_ended(vault: ScriptedVault, store: scripted_store.Store) -> None:
    store.write(STORED, TARGET)
    opened = journal()
    with opened.lease.held(0):
        opened.begin(CIPHER)
        opened.lease.note_attempt("rekey", "earlier")
    vault.answers(
        REKEY, Answer({"started": True, "nonce": "earlier"}), Answer({"started": False, "nonce": ""})
    )
    update(vault, store)
    assert [request.body for request in vault.asked(CANCEL_REKEY)] == [{"nonce": "earlier"}]
    assert shares_in(store) == NEW


def test_rekey_of_people_is_left_alone(vault: ScriptedVault, store: scripted_store.Store) -> None:
    store.write(STORED, TARGET)
    vault.answers(REKEY, Answer({"started": True, "nonce": "theirs"}))
    with pytest.raises(DeploymentError) as raised:
        update(vault, store)
    for part in (
        "that this program didn't begin",
        "left alone",
        "vault operator rekey -target=recovery -cancel",
    ):
        assert part in str(raised.value)
    assert vault.asked(CANCEL_REKEY) == vault.asked(START_REKEY) == []
    assert store.read(TARGET) == STORED


def test_nonce_is_in_the_lease_before_vault_has_a_share(
    vault: ScriptedVault, store: scripted_store.Store, cluster: InitCluster
) -> None:
    store.write(STORED, TARGET)
    vault.answers(UPDATE_REKEY, error(503, "Vault is sealed"))
    vault.answers(CANCEL_REKEY, error(503, "Vault is sealed"))
    with pytest.raises(DeploymentError, match="Vault is sealed"):
        update(vault, store)
    lease = cluster.objects.get("lease", "vault-operator-init")
    assert lease is not None
    assert lease["metadata"]["annotations"]["vault-autounseal/rekey"] == "own"
