"""Helm's records of a release: which is the last one, and how a pending one is deleted."""

import json
from collections.abc import Sequence

import pytest

from components.errors import DeploymentError
from components.kubernetes.helm_storage import (
    HelmRecord,
    UnfinishedRecord,
    last_record,
    unfinished_problem,
    unfinished_record,
)
from components.kubernetes.kubectl import Kubectl, KubectlError, KubernetesTarget
from tests.unit.fakes.kubectl_answers import TARGET

PENDING = HelmRecord("sh.helm.release.v1.vault.v10", 10, "pending-upgrade")
UNFINISHED = UnfinishedRecord(TARGET, PENDING, "uid", "7")


def answer(monkeypatch: pytest.MonkeyPatch, *texts: str) -> list[tuple[Sequence[str], str | None]]:
    """Have kubectl print these, call by call; returns its calls, with what they were given."""
    calls: list[tuple[Sequence[str], str | None]] = []

    def run(
        _kubectl: Kubectl, arguments: Sequence[str], *, stdin: str | None = None, timeout_seconds: float = 30
    ) -> str:
        assert timeout_seconds > 0
        calls.append((arguments, stdin))
        return texts[len(calls) - 1]

    monkeypatch.setattr(Kubectl, "run", run)
    return calls


def test_last_record_is_that_of_the_highest_revision(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = answer(
        monkeypatch,
        "sh.helm.release.v1.vault.v10   helm.sh/release.v1   1   5m   10   pending-upgrade\n"
        "sh.helm.release.v1.vault.v9    helm.sh/release.v1   1   9m   9    deployed\n",
    )
    found = last_record(TARGET, "vault")
    assert found == PENDING
    assert found.pending
    # What a release consists of is secret, too, and isn't asked for.
    assert calls[0][0][-2:] == ["--label-columns=version,status", "--no-headers"]


def test_no_record_is_no_release(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, "")
    assert last_record(TARGET, "vault") is None


@pytest.mark.parametrize("status", ["deployed", "failed", "superseded", "uninstalled"])
def test_what_helm_goes_on_with_is_not_pending(status: str) -> None:
    assert not HelmRecord("sh.helm.release.v1.vault.v1", 1, status).pending


LAST = "sh.helm.release.v1.vault.v10   helm.sh/release.v1   1   5m   10   pending-upgrade\n"


def test_unfinished_record_is_the_version_that_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, LAST, "uid 7 pending-upgrade")
    assert unfinished_record(TARGET, "vault") == UNFINISHED


@pytest.mark.parametrize(
    "answers",
    [("",), (LAST.replace("pending-upgrade", "deployed"),), (LAST, "uid 8 deployed"), (LAST, "")],
    ids=["none", "finished", "finished meanwhile", "gone meanwhile"],
)
def test_no_record_is_unfinished(monkeypatch: pytest.MonkeyPatch, answers: Sequence[str]) -> None:
    calls = answer(monkeypatch, *answers)
    assert unfinished_record(TARGET, "vault") is None
    assert len(calls) == len(answers)


def test_just_the_version_that_was_read_is_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = answer(monkeypatch, "")
    UNFINISHED.delete()
    ((arguments, stdin),) = calls
    assert arguments[:3] == ["delete", "--raw", f"/api/v1/namespaces/secrets/secrets/{PENDING.secret}"]
    assert json.loads(stdin or "")["preconditions"] == {"uid": "uid", "resourceVersion": "7"}


@pytest.mark.parametrize(
    ("reason", "message"),
    [("Conflict", "so Helm is at work"), ("NotFound", "so Helm is at work"), ("Forbidden", "Forbidden")],
)
def test_refused_deletion_is_told(monkeypatch: pytest.MonkeyPatch, reason: str, message: str) -> None:
    def refuse(*_arguments: object, **_options: object) -> str:
        raise KubectlError(f"Error from server ({reason}): no")

    monkeypatch.setattr(Kubectl, "run", refuse)
    with pytest.raises(DeploymentError, match=message):
        UNFINISHED.delete()


@pytest.mark.parametrize(
    ("kubeconfig", "command"),
    [
        ("", "kubectl --context=here --namespace=secrets delete secret sh.helm.release.v1.vault.v10"),
        ("{}", "kubectl --namespace=secrets delete secret sh.helm.release.v1.vault.v10"),
        (
            "/home/me/config",
            "kubectl --context=here --namespace=secrets --kubeconfig=/home/me/config delete secret "
            "sh.helm.release.v1.vault.v10",
        ),
    ],
)
def test_person_is_told_the_line_that_deletes_the_record(kubeconfig: str, command: str) -> None:
    problem = unfinished_problem(KubernetesTarget(kubeconfig, "here", "secrets"), "vault", PENDING)
    assert problem.endswith(f"\n  {command}")
    assert "pending-upgrade" in problem
    assert "while Helm upgraded it" in problem
