"""A Vault has lost all its data only if every pod is there and says that it is blank."""

from pathlib import Path

import pytest

from components.vault.lost_data import has_lost_all_data
from tests.unit.fakes.init_inputs import InitCluster, access, provide_cluster
from tests.unit.fakes.scripted_vault import SEAL_STATUS, Answer, ScriptedVault, seal_status

PODS = ("vault-0", "vault-1", "vault-2")
BLANK = seal_status("awskms", initialized=False, sealed=True)
SEALED = seal_status("awskms", initialized=True, sealed=True, cluster_id="7d0f")


@pytest.fixture(autouse=True)
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> InitCluster:
    cluster = provide_cluster(monkeypatch, tmp_path)
    for pod in PODS:
        cluster.add_server(pod)
    return cluster


def lost(vault: ScriptedVault, *answers: Answer) -> bool:
    """Whether all data of three pods that answer so is lost."""
    for pod, answer in zip(PODS, answers, strict=True):
        vault.answers(f"GET /{pod}{SEAL_STATUS.removeprefix('GET ')}", answer)
    return has_lost_all_data(access(f"{vault.address}/{{pod}}"), len(PODS))


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        pytest.param((BLANK, BLANK, BLANK), True, id="all-are-blank"),
        pytest.param((BLANK, BLANK, SEALED), False, id="one-is-only-sealed"),
        pytest.param((SEALED, SEALED, SEALED), False, id="all-are-only-sealed"),
        pytest.param((BLANK, Answer({}, status=503), BLANK), False, id="one-can-not-be-asked"),
    ],
)
def test_what_the_pods_answer(vault: ScriptedVault, answers: tuple[Answer, ...], expected: bool) -> None:
    assert lost(vault, *answers) is expected


def test_a_pod_that_is_not_there_may_have_data(vault: ScriptedVault, cluster: InitCluster) -> None:
    cluster.objects.remove("pod", "vault-2")
    assert not lost(vault, BLANK, BLANK, BLANK)


def test_nobody_is_asked_if_vault_has_labelled_a_pod(vault: ScriptedVault, cluster: InitCluster) -> None:
    labels = {"controller-revision-hash": "new", "vault-initialized": "true"}
    cluster.objects.put("pod", "vault-1", metadata={"labels": labels})
    assert not lost(vault, BLANK, BLANK, BLANK)
    assert vault.requests == []
