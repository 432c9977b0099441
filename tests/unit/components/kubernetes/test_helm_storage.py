"""Helm's records of a release: which is the last one, and how a pending one is deleted."""

import json
from collections.abc import Sequence

import pytest

from components.kubernetes.helm_storage import HelmRecord, delete_record, last_record, unfinished_problem
from components.kubernetes.kubectl import Kubectl, KubernetesTarget
from tests.unit.fakes.kubectl_answers import TARGET

PENDING = HelmRecord("sh.helm.release.v1.vault.v10", 10, "pending-upgrade")


def answer(monkeypatch: pytest.MonkeyPatch, text: str) -> list[tuple[Sequence[str], str | None]]:
    """Have kubectl print this; returns its calls, with what they were given."""
    calls: list[tuple[Sequence[str], str | None]] = []

    def run(
        _kubectl: Kubectl, arguments: Sequence[str], *, stdin: str | None = None, timeout_seconds: float = 30
    ) -> str:
        assert timeout_seconds > 0
        calls.append((arguments, stdin))
        return text

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


def test_record_is_deleted_as_long_as_it_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    metadata = json.dumps({"uid": "u", "resourceVersion": "7"})
    calls = answer(monkeypatch, f"{metadata}\npending-upgrade")
    delete_record(TARGET, PENDING)
    arguments, stdin = calls[1]
    assert arguments[:3] == ["delete", "--raw", f"/api/v1/namespaces/secrets/secrets/{PENDING.secret}"]
    assert json.loads(stdin or "")["preconditions"] == {"uid": "u", "resourceVersion": "7"}


def test_record_that_helm_has_finished_meanwhile_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = answer(monkeypatch, '{"uid": "u", "resourceVersion": "8"}\ndeployed')
    delete_record(TARGET, PENDING)
    assert len(calls) == 1


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
