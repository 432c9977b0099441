"""The resource of the one-time init: what it never does again, and what it says where it can't."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from components.custody.key_store import store_to_properties
from components.errors import DeploymentError
from components.init.outputs import OUTPUTS
from components.operator_init import OperatorInitProvider
from components.vault.client import VaultRefusedError
from tests.unit.fakes import scripted_store
from tests.unit.fakes.init_inputs import (
    CIPHER,
    DEPLOYMENT,
    InitCluster,
    init_inputs,
    journal,
    provide_cluster,
)
from tests.unit.fakes.operator_init_state import KEYS, state
from tests.unit.fakes.pgp_keys import new_key
from tests.unit.fakes.scripted_vault import (
    INIT,
    ROOT_TOKEN,
    SEAL_STATUS,
    SHARES,
    ScriptedVault,
    error,
    init_answer,
    seal_status,
)
from tests.unit.fakes.vault_keys import RECORD, answer_first_init, answer_proofs, shown

KEY = new_key()


@pytest.fixture(autouse=True)
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> InitCluster:
    """The cluster that the journal lies in."""
    return provide_cluster(monkeypatch, tmp_path)


def test_create_initialises_with_recovery_shares(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, seal_status("awskms"))
    vault.answers(INIT, init_answer(recovery=True))
    result = OperatorInitProvider().create(init_inputs(vault.address))
    assert result.id == "secrets/vault"
    assert result.outs == {**init_inputs(vault.address), **KEYS}
    (request,) = vault.asked(INIT)
    assert (request.body["recovery_shares"], request.body["recovery_threshold"]) == (5, 3)


def test_create_initialises_with_key_shares(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, seal_status("shamir"))
    vault.answers(INIT, init_answer(recovery=False))
    result = OperatorInitProvider().create(init_inputs(vault.address, seal_type="shamir"))
    assert result.outs is not None
    assert (result.outs["key_shares"], result.outs["recovery_shares"]) == (SHARES, [])
    assert result.outs["cluster_initialized_here"] is True


def test_create_takes_numbers_as_the_engine_sends_them(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, seal_status("awskms"))
    vault.answers(INIT, init_answer(recovery=True))
    OperatorInitProvider().create(init_inputs(vault.address, shares=5.0, threshold=3.0))
    (request,) = vault.asked(INIT)
    assert (request.body["recovery_shares"], type(request.body["recovery_shares"])) == (5, int)


def test_create_tells_what_the_keys_of_an_interrupted_run_were_made_with(
    vault: ScriptedVault,
) -> None:
    """The settings were changed since, so the next preview shows a change of shares."""
    opened = journal()
    opened.begin(CIPHER)
    opened.keep(RECORD)
    answer_proofs(vault, True)
    news = init_inputs(vault.address, shares=7, threshold=4)
    outs = OperatorInitProvider().create(news).outs
    assert outs is not None
    assert (outs["shares"], outs["threshold"], outs["recovery_shares"]) == (5, 3, SHARES)
    assert OperatorInitProvider().diff("id", {**outs}, news).changes


def test_create_waits_until_vault_answers(vault: ScriptedVault) -> None:
    vault.answers(
        SEAL_STATUS, error(503, "starting"), error(500, "no seal configuration found"), seal_status("awskms")
    )
    vault.answers(INIT, init_answer(recovery=True))
    result = OperatorInitProvider().create(init_inputs(vault.address, pod_start_seconds=20))
    assert result.outs is not None
    assert result.outs["root_token"] == ROOT_TOKEN
    assert len(vault.asked(SEAL_STATUS)) == 3


def test_create_gives_up_at_the_deadline() -> None:
    began = time.monotonic()
    with pytest.raises(DeploymentError) as raised:
        OperatorInitProvider().create(init_inputs(pod_start_seconds=0.5))
    assert 0.5 <= time.monotonic() - began < 5
    assert "Vault on vault-0 doesn't answer: no answer from Vault: ConnectionError" in str(raised.value)
    assert "This run has initialised nothing." in str(raised.value)
    assert "'http://127.0.0.1:9' (podAddress)" in str(raised.value)


def test_another_seal_than_configured_is_never_initialised(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, seal_status("shamir"))
    with pytest.raises(DeploymentError) as raised:
        OperatorInitProvider().create(init_inputs(vault.address))
    assert "The settings say seal awskms, but the Vault that answers has seal shamir" in str(raised.value)
    assert "This run has changed nothing" in str(raised.value)
    assert vault.asked(INIT) == []


def test_initialised_vault_is_refused(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, seal_status("awskms", initialized=True, sealed=False))
    with pytest.raises(DeploymentError) as raised:
        OperatorInitProvider().create(init_inputs(vault.address))
    for part in ("is initialised already", "set init.adopt to true", "with their volumes yourself"):
        assert part in str(raised.value)
    assert vault.asked(INIT) == []


def test_initialised_vault_is_adopted_where_asked_for(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, seal_status("awskms", initialized=True, sealed=False))
    result = OperatorInitProvider().create(init_inputs(vault.address, adopt=True))
    assert result.outs == {
        **init_inputs(vault.address, adopt=True),
        "cluster_initialized_here": False,
        "vault_version": "1.18.1",
        "deployment": DEPLOYMENT,
        "keys_location": "",
        "keys_version": "",
        "keys_fingerprint": "",
        "root_token": "",
        "recovery_shares": [],
        "key_shares": [],
    }
    assert vault.asked(INIT) == []


def test_adoption_never_initialises(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, seal_status("awskms"))
    with pytest.raises(DeploymentError, match="isn't initialised, so there is nothing to adopt"):
        OperatorInitProvider().create(init_inputs(vault.address, adopt=True))
    assert vault.asked(INIT) == []


@pytest.mark.parametrize("status", [400, 500, 503])
def test_failed_init_is_never_tried_again(vault: ScriptedVault, status: int) -> None:
    vault.answers(SEAL_STATUS, seal_status("awskms"))
    vault.answers(INIT, error(status, "failed to encrypt barrier keys: AccessDeniedException"))
    with pytest.raises(DeploymentError) as raised:
        OperatorInitProvider().create(init_inputs(vault.address, pod_start_seconds=20))
    assert len(vault.asked(INIT)) == 1
    assert "Init of Vault on vault-0 failed" in str(raised.value)
    assert "AccessDeniedException" in str(raised.value)
    # https://github.com/hashicorp/vault/issues/16201
    assert "Vault may count as initialised all the same" in str(raised.value)
    assert "Run pulumi up again: it goes on where this run stopped" in str(raised.value)


def test_something_else_than_vault_is_no_reason_to_wait(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, error(403, "Forbidden"))
    with pytest.raises(VaultRefusedError):
        OperatorInitProvider().create(init_inputs(vault.address, pod_start_seconds=20))
    assert len(vault.asked(SEAL_STATUS)) == 1


def test_no_secret_is_said(vault: ScriptedVault, capfd: pytest.CaptureFixture[str]) -> None:
    vault.answers(SEAL_STATUS, seal_status("awskms"))
    vault.answers(INIT, init_answer(recovery=True))
    result = OperatorInitProvider().create(init_inputs(vault.address))
    assert result.outs is not None
    OperatorInitProvider().delete(str(result.id), result.outs)
    said = "".join(capfd.readouterr())
    assert "Initialising Vault 1.18.1 on vault-0, seal awskms" in said
    assert not [secret for secret in (ROOT_TOKEN, *SHARES) if secret in said]


def test_nothing_changed_is_no_change() -> None:
    result = OperatorInitProvider().diff("id", state(), {**init_inputs(), "__provider": "a reference"})
    assert result.changes is False
    assert not result.replaces


@pytest.mark.parametrize(
    "changed",
    [
        {"seal_type": "shamir"},
        {"shares": 7},
        {"adopt": True},
        {"pod_start_seconds": 600},
        {"access": {**init_inputs()["access"], "statefulset": "other"}},
        {"__provider": "a class that has moved"},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_no_change_ever_replaces(changed: Mapping[str, Any]) -> None:
    news = {**init_inputs(), "__provider": "a reference", **changed}
    result = OperatorInitProvider().diff("id", state(), news)
    assert result.changes is True
    assert not result.replaces
    assert result.delete_before_replace is False


def test_update_keeps_every_output_and_asks_nobody() -> None:
    result = OperatorInitProvider().update("id", state(), init_inputs(pod_start_seconds=600))
    assert result.outs == {**init_inputs(pod_start_seconds=600), **KEYS}
    assert set(OUTPUTS) <= result.outs.keys()


def test_read_loses_nothing_and_asks_nobody() -> None:
    result = OperatorInitProvider().read("id", state())
    assert (result.id, result.outs) == ("id", state())


def test_delete_leaves_vault_alone_and_says_so(
    vault: ScriptedVault, capfd: pytest.CaptureFixture[str]
) -> None:
    OperatorInitProvider().delete("secrets/vault", {**state(), **init_inputs(vault.address)})
    assert vault.requests == []
    assert "Vault secrets/vault stays initialised" in capfd.readouterr().err


@pytest.mark.parametrize("changed", [{"shares": 7}, {"threshold": 2}, {"pgp_keys": [KEY] * 5}])
def test_check_takes_a_change_of_shares(changed: Mapping[str, Any]) -> None:
    assert OperatorInitProvider().check(state(), init_inputs(**changed)).failures == []


@pytest.mark.parametrize("changed", [{"shares": 7}, {"threshold": 2}, {"pgp_keys": []}])
def test_check_leaves_encrypted_shares_to_their_holders(changed: dict[str, Any]) -> None:
    keys = [KEY] * 5
    result = OperatorInitProvider().check(state(pgp_keys=keys), init_inputs(**{"pgp_keys": keys, **changed}))
    (failure,) = result.failures
    assert failure.property == next(iter(changed))
    assert "vault operator rekey -target=recovery" in failure.reason
    assert "set it back here" in failure.reason


FILE = {"store": "file", "options": {"path": "/keys/vault"}}


@pytest.mark.parametrize(
    ("before", "now", "setting"),
    [
        ({}, FILE, "custody.store"),
        (FILE, {}, "custody.store"),
        (FILE, {**FILE, "store": "aws-secrets-manager"}, "custody.store"),
        (FILE, {**FILE, "options": {"path": "/keys/other"}}, "custody.path"),
    ],
    ids=["out of the state", "into the state", "another store", "another place"],
)
def test_check_moves_no_keys(before: Any, now: Any, setting: str) -> None:
    result = OperatorInitProvider().check(state(custody=before), init_inputs(custody=now))
    (failure,) = result.failures
    assert failure.property == setting
    assert failure.reason.startswith("the keys stay where they were stored")


def test_readers_of_the_keys_may_change_and_nothing_else_does() -> None:
    options = {"name": "vault/keys", "region": "eu-central-1", "kms_key": "own", "readers": ["ada", "bob"]}
    before = {"store": "aws-secrets-manager", "options": options}
    now = {"store": "aws-secrets-manager", "options": {**options, "readers": ["ada"]}}
    provider, olds, news = OperatorInitProvider(), state(custody=before), init_inputs(custody=now)
    assert provider.check(olds, news).failures == []
    assert provider.diff("id", olds, news).changes
    assert provider.diff("id", olds, news).replaces == []
    outs = provider.update("id", olds, news).outs
    assert outs == {**{name: olds[name] for name in outs or ()}, "custody": now}
    assert set(OUTPUTS) <= set(outs or ())


def test_state_of_an_earlier_program_is_taken_over() -> None:
    """It knows neither custody nor journal, and has fewer outputs."""
    names = ("access", "seal_type", "shares", "threshold", "adopt", "pod_start_seconds")
    outputs = ("cluster_initialized_here", "vault_version", "root_token", "recovery_shares", "key_shares")
    earlier = {name: state()[name] for name in (*names, *outputs)}
    assert OperatorInitProvider().check(earlier, init_inputs()).failures == []
    assert OperatorInitProvider().diff("id", earlier, init_inputs()).replaces == []
    assert OperatorInitProvider().update("id", earlier, init_inputs()).outs == {**init_inputs(), **KEYS}


def test_what_earlier_versions_were_told_besides_is_no_change() -> None:
    provider = {"__provider": "a reference"}
    earlier = state(wipe=True, replicas=3, **provider)
    assert not OperatorInitProvider().diff("id", earlier, {**init_inputs(), **provider}).changes


@pytest.mark.parametrize("olds", [{}, state()], ids=["first", "same"])
def test_check_takes_the_first_and_the_same_shares(olds: dict[str, Any]) -> None:
    result = OperatorInitProvider().check(olds, init_inputs())
    assert (result.inputs, result.failures) == (init_inputs(), [])


def test_outputs_tell_only_where_the_store_has_the_keys(vault: ScriptedVault, tmp_path: Path) -> None:
    answer_first_init(vault)
    store = scripted_store.Store(str(tmp_path))
    custody = store_to_properties(scripted_store.__name__, store)
    result = OperatorInitProvider().create(init_inputs(vault.address, custody=custody))
    assert result.outs is not None
    assert shown(str(result.outs)) == []
    assert {name: result.outs[name] for name in OUTPUTS} == {
        **KEYS,
        "keys_location": store.location,
        "keys_version": "2",
        "root_token": "",
        "recovery_shares": [],
    }


@pytest.mark.parametrize(
    ("custody", "location", "said"),
    [
        ({}, "the stack's state", "with this resource its root token and shares leave the stack's state"),
        (FILE, "file /keys/vault", "its root token and shares stay in file /keys/vault"),
    ],
)
def test_delete_says_where_the_keys_are(
    custody: Any, location: str, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    OperatorInitProvider().delete("secrets/vault", state(custody=custody, keys_location=location))
    assert said in capfd.readouterr().err


def test_create_in_the_middle_of_a_migration_is_refused(vault: ScriptedVault) -> None:
    with pytest.raises(DeploymentError, match="no Vault yet whose seal could be migrated"):
        OperatorInitProvider().create(init_inputs(vault.address, migrate_from="shamir"))
    assert vault.asked(INIT) == []


def test_shares_become_those_of_the_new_seal_when_the_migration_is_done() -> None:
    shamir = {"root_token": ROOT_TOKEN, "key_shares": SHARES, "recovery_shares": []}
    during = {**init_inputs(migrate_from="shamir"), **KEYS, **shamir}
    updated = OperatorInitProvider().update("secrets/vault", during, init_inputs())
    assert updated.outs is not None
    assert (updated.outs["recovery_shares"], updated.outs["key_shares"]) == (SHARES, [])
    assert updated.outs["root_token"] == ROOT_TOKEN
    assert updated.outs["migrate_from"] == ""


def test_shares_stay_what_they_are_while_the_seal_is_migrated() -> None:
    shamir = {"root_token": ROOT_TOKEN, "key_shares": SHARES, "recovery_shares": []}
    before = {**init_inputs(seal_type="shamir"), **KEYS, **shamir}
    updated = OperatorInitProvider().update("secrets/vault", before, init_inputs(migrate_from="shamir"))
    assert updated.outs is not None
    assert (updated.outs["recovery_shares"], updated.outs["key_shares"]) == ([], SHARES)


def test_new_shares_are_refused_while_the_seal_is_migrated() -> None:
    olds, news = init_inputs(seal_type="shamir"), init_inputs(migrate_from="shamir", shares=7)
    (failure,) = OperatorInitProvider().check(olds, news).failures
    assert (failure.property, "being migrated" in failure.reason) == ("shares", True)


@pytest.mark.parametrize(
    ("changed", "changes"), [({}, False), ({"key_arn": "another"}, True), ({"service_account": "x"}, True)]
)
def test_state_of_an_earlier_version_names_the_proofs_module(
    changed: Mapping[str, Any], changes: bool
) -> None:
    proof = {"key_arn": "arn", "service_account": "vault"}
    olds = {**init_inputs(preflight={"module": "components.aws_seal_preflight", **proof}), "__provider": "p"}
    news = {**init_inputs(preflight={"seal": "awskms", **proof, **changed}), "__provider": "p"}
    result = OperatorInitProvider().diff("id", olds, news)
    assert (result.changes, result.replaces) == (changes, [])
