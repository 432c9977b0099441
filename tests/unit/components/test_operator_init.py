"""The resource of the one-time init: what it never does again, and what it says where it can't."""

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from components import operator_init
from components.errors import DeploymentError
from components.kubectl import KubernetesTarget
from components.operator_init import OUTPUTS, OperatorInitProvider
from components.pod_access import PodAccess
from components.vault_client import VaultRefusedError
from tests.unit.commands_on_path import only_commands
from tests.unit.components.scripted_vault import (
    INIT,
    ROOT_TOKEN,
    SEAL_STATUS,
    SHARES,
    ScriptedVault,
    error,
    init_answer,
    seal_status,
)

KEYS: Mapping[str, Any] = {
    "cluster_initialized_here": True,
    "vault_version": "1.18.1",
    "root_token": ROOT_TOKEN,
    "recovery_shares": SHARES,
    "key_shares": [],
}


def inputs(address: str = "http://127.0.0.1:9", **changed: Any) -> dict[str, Any]:
    access = PodAccess(
        target=KubernetesTarget(kubeconfig="", context="here", namespace="secrets"),
        statefulset="vault",
        address=address,
    )
    return {
        "access": access.to_properties(),
        "seal_type": "awskms",
        "shares": 5,
        "threshold": 3,
        "adopt": False,
        "pod_start_seconds": 0.5,
        **changed,
    }


@pytest.fixture(autouse=True)
def traceback_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes back what an error of the provider sets for the whole process."""
    monkeypatch.setattr(sys, "tracebacklimit", 1000, raising=False)


def test_create_initialises_with_recovery_shares(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, seal_status("awskms"))
    vault.answers(INIT, init_answer(recovery=True))
    result = OperatorInitProvider().create(inputs(vault.address))
    assert result.id == "secrets/vault"
    assert result.outs == {**inputs(vault.address), **KEYS}
    (request,) = vault.asked(INIT)
    assert (request.body["recovery_shares"], request.body["recovery_threshold"]) == (5, 3)


def test_create_initialises_with_key_shares(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, seal_status("shamir"))
    vault.answers(INIT, init_answer(recovery=False))
    result = OperatorInitProvider().create(inputs(vault.address, seal_type="shamir"))
    assert result.outs is not None
    assert (result.outs["key_shares"], result.outs["recovery_shares"]) == (SHARES, [])
    assert result.outs["cluster_initialized_here"] is True


def test_create_takes_numbers_as_the_engine_sends_them(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, seal_status("awskms"))
    vault.answers(INIT, init_answer(recovery=True))
    OperatorInitProvider().create(inputs(vault.address, shares=5.0, threshold=3.0))
    (request,) = vault.asked(INIT)
    assert (request.body["recovery_shares"], type(request.body["recovery_shares"])) == (5, int)


def test_create_waits_until_vault_answers(vault: ScriptedVault) -> None:
    vault.answers(
        SEAL_STATUS, error(503, "starting"), error(500, "no seal configuration found"), seal_status("awskms")
    )
    vault.answers(INIT, init_answer(recovery=True))
    result = OperatorInitProvider().create(inputs(vault.address, pod_start_seconds=20))
    assert result.outs is not None
    assert result.outs["root_token"] == ROOT_TOKEN
    assert len(vault.asked(SEAL_STATUS)) == 3


def test_create_gives_up_at_the_deadline() -> None:
    began = time.monotonic()
    with pytest.raises(DeploymentError) as raised:
        OperatorInitProvider().create(inputs(pod_start_seconds=0.5))
    assert 0.5 <= time.monotonic() - began < 5
    assert "Vault on vault-0 doesn't answer: no answer from Vault: ConnectionError" in str(raised.value)
    assert "Nothing was initialised." in str(raised.value)
    assert "'http://127.0.0.1:9' (podAddress)" in str(raised.value)


def test_another_seal_than_configured_is_never_initialised(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, seal_status("shamir"))
    with pytest.raises(DeploymentError) as raised:
        OperatorInitProvider().create(inputs(vault.address))
    assert "The settings say seal awskms, but the Vault that answers has seal shamir" in str(raised.value)
    assert "Nothing was initialised" in str(raised.value)
    assert vault.asked(INIT) == []


def test_initialised_vault_is_refused(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, seal_status("awskms", initialized=True, sealed=False))
    with pytest.raises(DeploymentError) as raised:
        OperatorInitProvider().create(inputs(vault.address))
    for part in ("is initialised already", "set init.adopt to true", "kubectl delete pvc"):
        assert part in str(raised.value)
    assert vault.asked(INIT) == []


def test_initialised_vault_is_adopted_where_asked_for(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, seal_status("awskms", initialized=True, sealed=False))
    result = OperatorInitProvider().create(inputs(vault.address, adopt=True))
    assert result.outs == {
        **inputs(vault.address, adopt=True),
        "cluster_initialized_here": False,
        "vault_version": "1.18.1",
        "root_token": "",
        "recovery_shares": [],
        "key_shares": [],
    }
    assert vault.asked(INIT) == []


def test_adopt_initialises_where_there_is_nothing_to_adopt(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, seal_status("awskms"))
    vault.answers(INIT, init_answer(recovery=True))
    result = OperatorInitProvider().create(inputs(vault.address, adopt=True))
    assert result.outs is not None
    assert result.outs["root_token"] == ROOT_TOKEN


@pytest.mark.parametrize("status", [400, 500, 503])
def test_failed_init_is_never_tried_again(vault: ScriptedVault, status: int) -> None:
    vault.answers(SEAL_STATUS, seal_status("awskms"))
    vault.answers(INIT, error(status, "failed to encrypt barrier keys: AccessDeniedException"))
    with pytest.raises(DeploymentError) as raised:
        OperatorInitProvider().create(inputs(vault.address, pod_start_seconds=20))
    assert len(vault.asked(INIT)) == 1
    assert "Init of Vault on vault-0 failed" in str(raised.value)
    assert "AccessDeniedException" in str(raised.value)
    # https://github.com/hashicorp/vault/issues/16201
    assert "delete its volumes and pods" in str(raised.value)


def test_something_else_than_vault_is_no_reason_to_wait(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, error(403, "Forbidden"))
    with pytest.raises(VaultRefusedError):
        OperatorInitProvider().create(inputs(vault.address, pod_start_seconds=20))
    assert len(vault.asked(SEAL_STATUS)) == 1


POD: Mapping[str, Any] = {
    "unschedulable": {
        "status": {
            "phase": "Pending",
            "conditions": [{"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available"}],
        }
    },
    "image": {
        "status": {
            "phase": "Pending",
            "containerStatuses": [
                {"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}}
            ],
        }
    },
    "crashing": {
        "status": {
            "phase": "Running",
            "containerStatuses": [{"state": {"waiting": {"reason": "CrashLoopBackOff"}}}],
        }
    },
    "running": {"status": {"phase": "Running", "containerStatuses": [{"state": {"running": {}}}]}},
}


@pytest.mark.parametrize(
    ("pod", "state"),
    [
        ("unschedulable", "not scheduled: 0/1 nodes are available"),
        ("image", "ImagePullBackOff: no such image"),
        ("crashing", "CrashLoopBackOff"),
        ("running", "pod Running; error: timed out"),
        (None, "error: timed out"),
    ],
)
def test_pod_that_does_not_start_is_shown_with_its_log(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pod: str | None, state: str
) -> None:
    answer = json.dumps(POD[pod]) if pod else ""
    only_commands(
        monkeypatch,
        tmp_path,
        kubectl=(
            'case "$*" in\n'
            f"*' get pod vault-0 '*) echo '{answer}';;\n"
            "*' logs '*) echo 'Error parsing Seal configuration';;\n"
            "*) echo 'error: timed out' >&2; exit 1;;\n"
            "esac"
        ),
    )
    with pytest.raises(DeploymentError) as raised:
        OperatorInitProvider().create(inputs(address="", pod_start_seconds=0.3))
    first, nothing, *log = str(raised.value).splitlines()
    assert first == f"Vault on vault-0 doesn't answer: {state}"
    assert nothing.startswith("Nothing was initialised. ") and "kubectl delete pod vault-0" in nothing
    assert nothing.endswith("The pod's last log lines:")
    assert log == ["Error parsing Seal configuration"]


def test_no_secret_is_said(vault: ScriptedVault, capfd: pytest.CaptureFixture[str]) -> None:
    vault.answers(SEAL_STATUS, seal_status("awskms"))
    vault.answers(INIT, init_answer(recovery=True))
    result = OperatorInitProvider().create(inputs(vault.address))
    assert result.outs is not None
    OperatorInitProvider().delete(str(result.id), result.outs)
    said = "".join(capfd.readouterr())
    assert "Initialising Vault 1.18.1 on vault-0, seal awskms" in said
    assert not [secret for secret in (ROOT_TOKEN, *SHARES) if secret in said]


def state(**changed: Any) -> dict[str, Any]:
    return {**inputs(), **KEYS, "__provider": "of an earlier program", **changed}


def test_nothing_changed_is_no_change() -> None:
    result = OperatorInitProvider().diff("id", state(), {**inputs(), "__provider": "of this program"})
    assert result.changes is False
    assert not result.replaces


@pytest.mark.parametrize(
    "changed",
    [
        {"seal_type": "shamir"},
        {"shares": 7},
        {"adopt": True},
        {"pod_start_seconds": 600},
        {"access": {"statefulset": "other"}},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_no_change_ever_replaces(changed: Mapping[str, Any]) -> None:
    result = OperatorInitProvider().diff("id", state(), {**inputs(), **changed, "__provider": "x"})
    assert result.changes is True
    assert not result.replaces
    assert result.delete_before_replace is False


def test_update_keeps_every_output_and_asks_nobody() -> None:
    result = OperatorInitProvider().update("id", state(), inputs(pod_start_seconds=600))
    assert result.outs == {**inputs(pod_start_seconds=600), **KEYS}
    assert set(OUTPUTS) <= result.outs.keys()


def test_read_loses_nothing_and_asks_nobody() -> None:
    result = OperatorInitProvider().read("id", state())
    assert (result.id, result.outs) == ("id", state())


def test_delete_leaves_vault_alone_and_says_so(
    vault: ScriptedVault, capfd: pytest.CaptureFixture[str]
) -> None:
    OperatorInitProvider().delete("secrets/vault", {**state(), **inputs(vault.address)})
    assert vault.requests == []
    assert "Vault secrets/vault stays initialised" in capfd.readouterr().err


@pytest.mark.parametrize("name", ["shares", "threshold"])
def test_check_refuses_other_shares_than_those_of_the_init(name: str) -> None:
    # The engine sends every number as a float.
    result = OperatorInitProvider().check({**inputs(), name: 4.0}, {**inputs(), name: 2.0})
    (failure,) = result.failures
    assert failure.property == name
    assert f"initialised with {name} 4; set it back" in failure.reason


@pytest.mark.parametrize("olds", [{}, inputs()], ids=["first", "same"])
def test_check_takes_the_first_and_the_same_shares(olds: dict[str, Any]) -> None:
    result = OperatorInitProvider().check(olds, inputs())
    assert (result.inputs, result.failures) == (inputs(), [])


def test_errors_that_nobody_foresaw_keep_their_trace(
    monkeypatch: pytest.MonkeyPatch, vault: ScriptedVault
) -> None:
    monkeypatch.setattr(operator_init, "VaultClient", lambda _address: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        OperatorInitProvider().create(inputs(vault.address))
    assert sys.tracebacklimit == 1000
