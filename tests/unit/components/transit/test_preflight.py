"""The proof of the seal transit where pod 0 doesn't run or kubectl refuses; the rest needs real Vaults."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from components.errors import DeploymentError
from components.kubernetes.kubectl import KubernetesTarget
from components.seals.seal import prove_seal
from tests.unit.fakes.commands_on_path import only_commands

PROPERTIES = {
    "seal": "transit",
    "pod": "vault-0",
    "pod_start_seconds": "0",
    "token_secret": "vault-transit-token",
    "token_key": "token",
    "address": "https://vault.example.com:8200",
    "mount": "transit",
    "key_name": "autounseal",
    "namespace": "team",
    "ca_file": "/vault/transit-tls/ca.crt",
    "server_name": "vault.internal",
}
RUNNING = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}


def pod(state: Mapping[str, Any] | None, *, name: str = "vault") -> str:
    statuses = [{"name": name, "state": state}] if state is not None else []
    return json.dumps({"status": {"containerStatuses": statuses}})


def kubectl(
    monkeypatch: pytest.MonkeyPatch, folder: Path, found: str, executed: str, log: str = "no such host"
) -> Path:
    """A kubectl with that pod, in which commands run so; returns the file of its calls."""
    calls = folder / "calls"
    (folder / "pod").write_text(found)
    script = f"""
        printf '%s\\n' "$*" >> '{calls}'
        case " $* " in
        *" get pod "*) exec /bin/cat '{folder}/pod';;
        *" logs "*) echo '{log}';;
        *" exec "*) {executed};;
        esac"""
    only_commands(monkeypatch, folder / "commands", kubectl=script)
    return calls


def refused(seconds: float = 0) -> str:
    target = KubernetesTarget(kubeconfig="", context="here", namespace="secrets")
    with pytest.raises(DeploymentError) as raised:
        prove_seal(PROPERTIES, target, seconds)
    return str(raised.value)


def fails_with(message: str) -> str:
    return f"echo '{message}' >&2; exit 1"


@pytest.mark.parametrize(
    ("found", "state"),
    [
        ("", "there is no such pod"),
        (pod(None), "its container isn't there yet"),
        (pod(RUNNING, name="sidecar"), "its container isn't there yet"),
        (pod({"waiting": {"reason": "ImagePullBackOff"}}), "ImagePullBackOff"),
        (pod({"terminated": {"reason": "Error", "exitCode": 1}}), "Error"),
    ],
)
def test_pod_that_does_not_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, found: str, state: str
) -> None:
    calls = kubectl(monkeypatch, tmp_path, found, "exit 0")
    said = refused()
    assert f"The start of Vault in pod vault-0 failed: it doesn't run: {state}. Its last log lines:" in said
    assert "Check that the pods reach https://vault.example.com:8200." in said
    assert " exec " not in calls.read_text()


def test_pod_that_never_began(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    kubectl(monkeypatch, tmp_path, pod({"waiting": {"reason": "ContainerCreating"}}), "exit 0", log="")
    assert "kubectl --namespace=secrets describe pod vault-0 tells what it waits for" in refused()


def test_secret_of_the_token_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    waiting = {"reason": "CreateContainerConfigError", "message": 'secret "vault-transit-token" not found'}
    kubectl(monkeypatch, tmp_path, pod({"waiting": waiting}), "exit 0")
    assert (
        "kubectl --namespace=secrets create secret generic vault-transit-token --from-file=token="
        in refused()
    )


def test_right_to_exec_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    message = (
        'Error from server (Forbidden): pods "vault-0" is forbidden: User cannot create resource "pods/exec"'
    )
    calls = kubectl(monkeypatch, tmp_path, pod(RUNNING), fails_with(message))
    said = refused(seconds=60)
    assert message in said
    assert "needs the right to create pods/exec in namespace 'secrets'" in said
    assert calls.read_text().count(" exec ") == 1


def test_command_line_leads_to_the_other_vault_and_has_no_secret(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    calls = kubectl(monkeypatch, tmp_path, pod(RUNNING), fails_with("Code: 403. Errors: * permission denied"))
    refused(seconds=60)
    assert calls.read_text().splitlines()[-1] == (
        "--context=here --namespace=secrets exec vault-0 --container=vault --stdin -- vault write "
        "-field=ciphertext -address=https://vault.example.com:8200 -namespace=team "
        "-ca-cert=/vault/transit-tls/ca.crt -tls-server-name=vault.internal "
        "transit/encrypt/autounseal plaintext=-"
    )


@pytest.mark.parametrize(
    ("said", "fix"),
    [
        ("Code: 400. Errors: * encryption key not found", "vault write -force transit/keys/autounseal"),
        ("Code: 404. Errors: * no handler for route", "vault secrets enable -path=transit transit"),
        ("Code: 403. Errors: * permission denied * invalid token", "put a new one into the Secret"),
    ],
)
def test_refusal_of_the_other_vault_fails_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, said: str, fix: str
) -> None:
    calls = kubectl(monkeypatch, tmp_path, pod(RUNNING), fails_with(said))
    message = refused(seconds=60)
    assert said in message
    assert fix in message
    assert calls.read_text().count(" exec ") == 1


def test_passing_fault_is_waited_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    marker = tmp_path / "called"
    script = f"""
        if [ -e '{marker}' ]; then echo 'Code: 403. permission denied' >&2; else : > '{marker}'; fi
        exit 1"""
    calls = kubectl(monkeypatch, tmp_path, pod(RUNNING), script)
    monkeypatch.setattr("components.progress.time.sleep", lambda _: None)
    refused(seconds=60)
    assert calls.read_text().count(" exec ") == 2


def test_key_that_decrypts_something_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    kubectl(monkeypatch, tmp_path, pod(RUNNING), "echo AAAA")
    assert "decrypted something else than it had encrypted" in refused()
