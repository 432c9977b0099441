"""What is said where pod 0 doesn't do what it should."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from components.errors import DeploymentError
from components.operator_init import OperatorInitProvider
from components.vault.diagnostics import init_failed, not_started
from tests.unit.fakes.init_inputs import access, init_inputs, provide_kubectl
from tests.unit.fakes.kubernetes_objects import KubernetesObjects

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
    provide_kubectl(
        monkeypatch,
        tmp_path,
        'case "$*" in\n'
        f"*' get pod vault-0 '*) echo '{answer}';;\n"
        "*' logs '*) echo 'Error parsing Seal configuration';;\n"
        f"*' get lease.'*|*' --filename=- '*) {KubernetesObjects(tmp_path / 'objects').script};;\n"
        "*) echo 'error: timed out' >&2; exit 1;;\n"
        "esac",
    )
    with pytest.raises(DeploymentError) as raised:
        OperatorInitProvider().create(init_inputs(address="", pod_start_seconds=0.3))
    first, nothing, *log = str(raised.value).splitlines()
    assert first == f"Vault on vault-0 doesn't answer: {state}"
    assert (
        nothing.startswith("This run has initialised nothing. ") and "kubectl delete pod vault-0" in nothing
    )
    assert nothing.endswith("The pod's last log lines:")
    assert log == ["Error parsing Seal configuration"]


def test_pod_without_credentials_is_told_what_gives_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    provide_kubectl(
        monkeypatch, tmp_path, "case \"$*\" in *' logs '*) echo 'NoCredentialProviders: no valid';; esac"
    )
    message = not_started(access(""), "timed out")
    assert "the role's trust policy has to name this service account" in message
    assert "kubectl get mutatingwebhookconfigurations" in message


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
