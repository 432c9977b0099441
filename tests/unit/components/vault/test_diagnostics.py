"""What is said if pods don't do what they should."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from components.errors import DeploymentError
from components.operator_init import OperatorInitProvider
from components.vault.diagnostics import (
    init_failed,
    not_started,
    pod_problem,
    waiting_state,
    with_pod_problems,
)
from tests.unit.fakes.commands_on_path import only_commands
from tests.unit.fakes.init_inputs import access, init_inputs, provide_kubectl
from tests.unit.fakes.kubernetes_objects import KubernetesObjects

UNSCHEDULED: Mapping[str, Any] = {
    "phase": "Pending",
    "conditions": [{"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available"}],
}
CRASHING: Mapping[str, Any] = {
    "phase": "Running",
    "containerStatuses": [
        {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": {"exitCode": 1}}}
    ],
}
RUNNING: Mapping[str, Any] = {
    "phase": "Running",
    "containerStatuses": [{"ready": False, "state": {"running": {}}}],
}
NOT_YET = "error: timed out"


def provide_pods(monkeypatch: pytest.MonkeyPatch, folder: Path, *statuses: Mapping[str, Any]) -> None:
    """Has kubectl tell of a StatefulSet with these pods, none of which runs in time."""
    objects = KubernetesObjects(folder / "objects")
    objects.put("statefulset", "vault", spec={"replicas": len(statuses)})
    for ordinal, status in enumerate(statuses):
        if status:
            objects.put("pod", f"vault-{ordinal}", status=status)
    provide_kubectl(
        monkeypatch,
        folder,
        'case "$*" in\n'
        "*' logs '*) echo \"log of $4\";;\n"
        f"*' wait '*) echo '{NOT_YET}' >&2; exit 1;;\n"
        f"*) {objects.script};;\n"
        "esac",
    )


def delete(*pods: str) -> str:
    return f"delete the pods (kubectl --namespace secrets delete pod {' '.join(pods)})."


def test_the_init_tells_of_every_pod_that_does_not_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    provide_pods(monkeypatch, tmp_path, UNSCHEDULED, CRASHING, UNSCHEDULED)
    with pytest.raises(DeploymentError) as raised:
        OperatorInitProvider().create(init_inputs(address="", pod_start_seconds=0.3))
    first, *others, nothing, log_of, log = str(raised.value).splitlines()
    assert first == "Vault on vault-0 doesn't answer: not scheduled: 0/1 nodes are available"
    assert others == [
        "vault-1: CrashLoopBackOff (it ended with exit code 1)",
        "vault-2: not scheduled: 0/1 nodes are available",
    ]
    assert nothing.startswith("This run has initialised nothing. ")
    assert nothing.endswith(delete("vault-0", "vault-1", "vault-2"))
    assert (log_of, log) == ("The last log lines of vault-1:", "log of vault-1")


@pytest.mark.parametrize(
    ("status", "state", "rest"),
    [
        (RUNNING, NOT_YET, ["The last log lines of vault-0:", "log of vault-0"]),
        ({}, "not created yet", []),
    ],
)
def test_pod_that_runs_is_told_with_the_error_and_its_log(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, status: Mapping[str, Any], state: str, rest: list[str]
) -> None:
    provide_pods(monkeypatch, tmp_path, status)
    first, nothing, *log = not_started(access(""), NOT_YET).splitlines()
    assert first == f"Vault on vault-0 doesn't answer: {state}"
    assert nothing.endswith(delete("vault-0"))
    assert log == rest


def test_pods_that_cannot_be_looked_at(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    provide_kubectl(monkeypatch, tmp_path, "echo 'pods is forbidden' >&2; exit 1")
    assert not_started(access(""), NOT_YET).startswith("Vault on vault-0 doesn't answer: pods is forbidden\n")


def test_line_while_waiting_names_every_pod(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    provide_pods(monkeypatch, tmp_path, RUNNING, UNSCHEDULED, UNSCHEDULED)
    problem = "vault-1, vault-2: not scheduled: 0/1 nodes are available"
    assert waiting_state(access(""), NOT_YET) == f"{NOT_YET}; {problem}"
    assert with_pod_problems(access(""), "vault-1 not joined yet") == f"vault-1 not joined yet\n{problem}"


def test_problem_of_one_pod(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    provide_pods(monkeypatch, tmp_path, RUNNING, UNSCHEDULED)
    assert pod_problem(access(""), 0, "not joined yet") == "not joined yet"
    assert pod_problem(access(""), 1, "not joined yet") == "not scheduled: 0/1 nodes are available"


def test_address_that_fails_is_told_beside_why_the_pods_do_not_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    provide_pods(monkeypatch, tmp_path, UNSCHEDULED, UNSCHEDULED, RUNNING)
    problem = "not scheduled: 0/1 nodes are available"
    assert waiting_state(access(), "no such host") == f"no such host; {problem}; vault-1: {problem}"
    assert pod_problem(access(), 0, "no such host") == f"no such host; {problem}"
    assert pod_problem(access(), 2, "no such host") == "no such host"
    message = not_started(access(), "no such host")
    assert message.startswith(f"Vault on vault-0 doesn't answer: no such host; {problem}\n")
    assert "The address is 'http://127.0.0.1:9' (podAddress)" in message


def test_address_is_told_of_even_without_kubectl(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As the commands have it, which reach the pods by the address alone."""
    only_commands(monkeypatch, tmp_path)
    assert pod_problem(access(), 1, "no such host") == "no such host"
    assert waiting_state(access(), "no such host").startswith("no such host; The command 'kubectl' isn't on")
    assert not_started(access(), "no such host").startswith("Vault on vault-0 doesn't answer: no such host; ")


@pytest.mark.parametrize(
    ("log", "used"),
    [
        ("NoCredentialProviders: no valid providers in chain", ""),
        (
            "User: arn:aws:sts::123456789012:assumed-role/nodes-eu/i-0abc123def4567890 is not authorized to "
            "perform: kms:DescribeKey",
            " Vault called AWS as the node i-0abc123def4567890, with the node's role nodes-eu.",
        ),
    ],
)
def test_pod_without_credentials_of_its_own_is_told_what_gives_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, log: str, used: str
) -> None:
    provide_kubectl(monkeypatch, tmp_path, f"case \"$*\" in *' logs '*) echo '{log}';; *) exit 1;; esac")
    message = not_started(access(""), "timed out")
    assert f"{used} Its pods get no credentials: the role's trust policy has to name this" in message
    assert "kubectl get mutatingwebhookconfigurations" in message


def test_vaults_own_role_is_not_taken_for_the_nodes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    log = "arn:aws:sts::123456789012:assumed-role/vault/17351 is not authorized to perform: kms:DescribeKey"
    provide_kubectl(monkeypatch, tmp_path, f"case \"$*\" in *' logs '*) echo '{log}';; *) exit 1;; esac")
    assert "Its pods get no credentials" not in not_started(access(""), "timed out")


@pytest.mark.parametrize("recovery_seal", [True, False])
def test_failed_init_is_shown_with_the_log(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, recovery_seal: bool
) -> None:
    provide_kubectl(monkeypatch, tmp_path, "echo 'core: failed to encrypt'")
    message = init_failed(access(""), "internal error", recovery_seal=recovery_seal)
    assert message.startswith("Init of Vault on vault-0 failed: internal error\nThe pod's last log lines:\n")
    assert "core: failed to encrypt" in message
    assert ("fix the policies of role and key" in message) is recovery_seal
    assert "Run pulumi up again" in message
