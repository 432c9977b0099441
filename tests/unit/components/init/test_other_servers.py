"""No init beside a Vault that exists, or through pods with an older configuration."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from components.errors import DeploymentError
from components.init import procedure
from components.journal.encryption import JournalCipher
from tests.unit.fakes import scripted_store
from tests.unit.fakes.init_inputs import CIPHER, InitCluster, journal
from tests.unit.fakes.init_runs import at_pod, pods_answer, pods_of, run, stored
from tests.unit.fakes.scripted_vault import (
    INIT,
    SEAL_STATUS,
    SHARES,
    Answer,
    ScriptedVault,
    error,
    init_answer,
    seal_status,
)
from tests.unit.fakes.vault_keys import RECORD, STORED, UNSEALED, shown

BLANK = seal_status()
SEALED = seal_status(initialized=True)
OLD = "2020-01-01T00:00:00Z"
STARTING = error(503, "Vault is sealed")


def begun(vault: ScriptedVault) -> int:
    """How often any pod was asked to initialise itself."""
    return sum(request.call.endswith("/v1/sys/init") for request in vault.requests)


def refused(vault: ScriptedVault, store: scripted_store.Store | None = None, **changed: Any) -> str:
    with pytest.raises(DeploymentError) as raised:
        run(vault, store, access=pods_of(vault), **changed)
    assert begun(vault) == 0
    assert journal().find() is None
    assert "data-vault" not in str(raised.value)
    assert shown(str(raised.value)) == []
    return str(raised.value)


def init_is_answered(vault: ScriptedVault) -> None:
    """Pod 0 takes the init, and the others stay as they are."""
    vault.answers(at_pod("vault-0", SEAL_STATUS), BLANK, UNSEALED)
    vault.answers(at_pod("vault-0", INIT), init_answer(recovery=True))


# A Vault beside pod 0


@pytest.mark.parametrize("adopt", [False, True], ids=["init", "adoption"])
@pytest.mark.parametrize("live", [UNSEALED, SEALED], ids=["unsealed", "sealed"])
@pytest.mark.parametrize("ordinal", [1, 2, 7])
def test_blank_pod_beside_a_live_vault_is_not_initialised(
    vault: ScriptedVault, cluster: InitCluster, ordinal: int, live: Answer, adopt: bool
) -> None:
    """It is asked whatever the number of replicas is now."""
    cluster.add_server(f"vault-{ordinal}", claim_since=OLD)
    vault.answers(at_pod("vault-0", SEAL_STATUS), BLANK)
    vault.answers(at_pod(f"vault-{ordinal}", SEAL_STATUS), live)
    message = refused(vault, adopt=adopt, pod_start_seconds=0)
    assert message.startswith(f"A Vault exists on vault-{ordinal}, and vault-0 hasn't joined it")
    assert "This run initialised nothing" in message
    assert f"- That of vault-{ordinal}: vault-0 joins it by itself" in message
    assert "set init.adopt to true" in message
    assert "- A new one: save what is in the other one" in message


def test_pod_that_joins_the_live_vault_meanwhile_is_adopted(
    vault: ScriptedVault, cluster: InitCluster
) -> None:
    cluster.add_server("vault-1", claim_since=OLD)
    vault.answers(at_pod("vault-0", SEAL_STATUS), BLANK, BLANK, UNSEALED)
    vault.answers(at_pod("vault-1", SEAL_STATUS), UNSEALED)
    result = run(vault, access=pods_of(vault), adopt=True, pod_start_seconds=20)
    assert (result.record, result.initialized_here) == (None, False)
    assert begun(vault) == 0


def test_keys_that_were_given_to_adopt_begin_no_vault(vault: ScriptedVault) -> None:
    pods_answer(vault, BLANK)
    message = refused(vault, adopt=True, adopted_keys=f'{{"recovery_keys_b64": ["{SHARES[0]}"]}}')
    assert "init.adopt is set, and Vault on vault-0 isn't initialised" in message
    assert "remove init.adopt and run pulumi up again" in message


def test_all_servers_with_a_vault_are_named(vault: ScriptedVault, cluster: InitCluster) -> None:
    for name in ("vault-1", "vault-2", "vault-3"):
        cluster.add_server(name, claim_since=OLD)
    pods_answer(vault, BLANK, UNSEALED, STARTING, SEALED)
    assert refused(vault, pod_start_seconds=0).startswith("A Vault exists on vault-1, vault-3, and vault-0")


# A server that can't be asked


@pytest.mark.parametrize("answer", [STARTING, error(400, "no"), Answer({"what": "is this"})])
def test_server_that_cannot_be_asked_may_have_a_vault(
    vault: ScriptedVault, cluster: InitCluster, answer: Answer
) -> None:
    cluster.add_server("vault-1", claim_since=OLD)
    pods_answer(vault, BLANK, answer)
    message = refused(vault, pod_start_seconds=0)
    assert message.startswith("Whether there is a Vault on vault-1 can't be seen (vault-1: ")
    assert "its data since 2020-01-01 00:00:00+00:00" in message
    assert "- Let vault-1 run" in message
    assert "- If you know that no Vault is on it: delete it with its volume yourself" in message


def test_claim_that_no_pod_has_may_hold_a_vault(vault: ScriptedVault, cluster: InitCluster) -> None:
    cluster.add_server("vault-3", claim_since=OLD)
    cluster.objects.remove("pod", "vault-3")
    pods_answer(vault, BLANK)
    message = refused(vault, pod_start_seconds=0)
    assert "vault-3: there is no such pod" in message
    assert "with more replicas" in message


def test_server_without_a_claim_is_as_old_as_its_pod(vault: ScriptedVault, cluster: InitCluster) -> None:
    cluster.add_server("vault-1")
    cluster.objects.remove("pvc", "data-vault-1")
    cluster.objects.put("pod", "vault-1", metadata={"creationTimestamp": OLD})
    pods_answer(vault, BLANK, STARTING)
    assert "Whether there is a Vault on vault-1 can't be seen" in refused(vault, pod_start_seconds=0)


def test_server_that_answers_in_time_is_waited_for(
    vault: ScriptedVault, cluster: InitCluster, store: scripted_store.Store
) -> None:
    """A run before this one failed before its init, so the claims are older, and the pods still start."""
    cluster.add_server("vault-1", claim_since=OLD)
    init_is_answered(vault)
    vault.answers(at_pod("vault-0", SEAL_STATUS), BLANK, BLANK, UNSEALED)
    vault.answers(at_pod("vault-1", SEAL_STATUS), STARTING, BLANK)
    assert run(vault, store, access=pods_of(vault), pod_start_seconds=20).record == STORED
    assert stored(store) == STORED


@pytest.mark.parametrize("claim", [{"phase": "Pending"}, {"phase": "Bound"}])
def test_servers_of_this_run_are_not_waited_for(
    vault: ScriptedVault, cluster: InitCluster, claim: dict[str, str]
) -> None:
    """At the first init the other pods hardly ever run yet."""
    since = OLD if claim["phase"] == "Pending" else None
    cluster.add_server("vault-1", claim_since=since)
    cluster.objects.put("pvc", "data-vault-1", status=claim)
    init_is_answered(vault)
    vault.answers(at_pod("vault-1", SEAL_STATUS), STARTING)
    assert run(vault, access=pods_of(vault)).record == RECORD


@pytest.mark.parametrize(("seconds", "waits"), [(-1, True), (0, False), (1, False)])
def test_age_of_a_volume_counts_to_the_second(
    vault: ScriptedVault,
    cluster: InitCluster,
    monkeypatch: pytest.MonkeyPatch,
    seconds: int,
    waits: bool,
) -> None:
    """Kubernetes cuts the time of a creation to the second."""
    began = datetime(2026, 3, 1, 12, 0, 0, 900000, tzinfo=UTC)
    monkeypatch.setattr(procedure, "RUN_BEGAN", began)
    since = (began + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
    cluster.add_server("vault-1", claim_since=since)
    init_is_answered(vault)
    vault.answers(at_pod("vault-1", SEAL_STATUS), STARTING)
    if waits:
        vault.answers(at_pod("vault-0", SEAL_STATUS), BLANK)
        assert "can't be seen" in refused(vault, pod_start_seconds=0)
    else:
        assert run(vault, access=pods_of(vault)).record == RECORD


def test_pods_of_another_release_are_not_asked(vault: ScriptedVault, cluster: InitCluster) -> None:
    for name in ("other-vault-1", "vault-agent", "vault-1-backup"):
        cluster.add_server(name, claim_since=OLD)
    init_is_answered(vault)
    assert run(vault, access=pods_of(vault)).record == RECORD
    assert {request.call.split("/")[1] for request in vault.requests} == {"vault-0"}


def test_pods_that_cannot_be_listed_stop_the_init(vault: ScriptedVault, cluster: InitCluster) -> None:
    cluster.objects.fail("get statefulset,pod,pvc", "pods is forbidden")
    pods_answer(vault, BLANK)
    message = refused(vault, pod_start_seconds=0)
    assert "the pods and volumes of vault can't be listed: pods is forbidden" in message


# Pods with an older configuration


def test_outdated_pods_are_replaced_before_the_init(
    vault: ScriptedVault, cluster: InitCluster, capfd: pytest.CaptureFixture[str]
) -> None:
    cluster.add_server("vault-0", revision="old")
    cluster.add_server("vault-1", revision="old")
    cluster.add_server("vault-2")
    init_is_answered(vault)
    vault.answers(at_pod("vault-0", SEAL_STATUS), seal_status("transit"), BLANK, UNSEALED)
    for name in ("vault-1", "vault-2"):
        vault.answers(at_pod(name, SEAL_STATUS), BLANK)
    assert run(vault, access=pods_of(vault), pod_start_seconds=20).record == RECORD
    assert cluster.deleted_pods == ["vault-0", "vault-1"]
    assert (
        "Replacing vault-0, which isn't initialised and has an older configuration" in capfd.readouterr().err
    )


@pytest.mark.parametrize("changed", ["alone", "before the pods"])
def test_pods_that_are_older_than_a_configuration_of_others_are_replaced_before_the_init(
    vault: ScriptedVault, cluster: InitCluster, changed: str
) -> None:
    """Others may change the ConfigMap without the pods' template, such as to fix a seal that isn't ours."""
    made = cluster.objects.get("pod", "vault-0") or {}
    time = (datetime.now(UTC) + timedelta(minutes=1)).isoformat() if changed == "alone" else OLD
    cluster.objects.put("configmap", "vault-config", metadata={"managedFields": [{"time": time}]})
    init_is_answered(vault)
    if changed == "before the pods":
        run(vault, access=pods_of(vault), release="others")
        assert cluster.deleted_pods == []
        return
    vault.answers(at_pod("vault-0", SEAL_STATUS), BLANK)
    message = refused(vault, release="others", pod_start_seconds=0)
    assert f"{made['metadata']['name']} is being replaced, as it has an older configuration" in message
    assert cluster.deleted_pods == ["vault-0"]


def test_key_is_proved_again_with_the_pod_that_is_initialised(
    vault: ScriptedVault, cluster: InitCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Transit's key is proved in the pod, with the token that the pod has started with."""
    revisions: list[str] = []

    def proved(*_args: Any) -> JournalCipher:
        pod = cluster.objects.get("pod", "vault-0") or {}
        revisions.append(pod["metadata"]["labels"]["controller-revision-hash"])
        return CIPHER

    monkeypatch.setattr(procedure, "init_cipher", proved)
    cluster.add_server("vault-0", revision="old")
    init_is_answered(vault)
    vault.answers(at_pod("vault-0", SEAL_STATUS), BLANK, BLANK, UNSEALED)
    run(vault, access=pods_of(vault), pod_start_seconds=20)
    assert revisions == ["old", "new"]


def test_pod_that_is_on_its_way_out_is_waited_for(vault: ScriptedVault, cluster: InitCluster) -> None:
    cluster.add_server("vault-0", revision="old")
    cluster.objects.put("pod", "vault-0", metadata={"deletionTimestamp": OLD})
    pods_answer(vault, BLANK)
    message = refused(vault, pod_start_seconds=0)
    assert "vault-0 is being replaced, as it has an older configuration" in message
    assert cluster.deleted_pods == []


def test_outdated_pod_that_cannot_be_deleted_stops_the_init(
    vault: ScriptedVault, cluster: InitCluster
) -> None:
    cluster.add_server("vault-0", revision="old")
    cluster.objects.fail("delete --raw", "pods is forbidden")
    pods_answer(vault, BLANK)
    assert "can't be replaced: pods is forbidden" in refused(vault, pod_start_seconds=0)


def test_change_that_kubernetes_has_not_taken_over_is_waited_for(
    vault: ScriptedVault, cluster: InitCluster
) -> None:
    cluster.set_template("old", generation=2, observed=1)
    pods_answer(vault, BLANK)
    message = refused(vault, pod_start_seconds=0)
    assert "Kubernetes hasn't taken over the last change of the StatefulSet yet" in message


def test_initialised_pod_is_never_deleted(vault: ScriptedVault, cluster: InitCluster) -> None:
    cluster.add_server("vault-0", revision="old")
    cluster.add_server("vault-1", revision="old")
    pods_answer(vault, UNSEALED, UNSEALED)
    run(vault, access=pods_of(vault), adopt=True)
    assert cluster.deleted_pods == []
