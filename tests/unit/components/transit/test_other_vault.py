"""The calls of the other Vault from inside pod 0, and what is said if they fail."""

import base64
import json
from pathlib import Path

import pytest

from components.kubernetes.kubectl import Kubectl, KubernetesTarget
from components.progress import Waiting
from components.transit.other_vault import OtherVault, TransitError
from tests.unit.fakes.commands_on_path import only_commands
from tests.unit.fakes.transit_pod import NO_POD, RUNNING, fails_with, pod, provide_pod

TARGET = KubernetesTarget(kubeconfig="", context="here", namespace="secrets")
OTHER = OtherVault(
    kubectl=Kubectl(TARGET),
    kubernetes_namespace="secrets",
    pod="vault-0",
    token_secret="vault-transit-token",
    token_key="token",
    address="https://vault.example.com:8200",
    mount="transit",
    key_name="autounseal",
    namespace="team",
    ca_file="",
    server_name="vault.internal",
)
EXEC = "--context=here --namespace=secrets exec vault-0 --container=vault"
COMMAND = "env VAULT_DISABLE_REDIRECTS=true vault"
CONNECTION = "-address=https://vault.example.com:8200 -namespace=team -tls-server-name=vault.internal"


def test_key_is_named_by_its_url() -> None:
    assert OTHER.key == "https://vault.example.com:8200/v1/transit/keys/autounseal"


def test_plaintext_and_ciphertext_are_on_standard_input_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    calls = provide_pod(monkeypatch, tmp_path, pod(RUNNING), "exec /bin/cat")
    assert OTHER.encrypt(b"plain") == base64.b64encode(b"plain").decode()
    assert OTHER.decrypt(base64.b64encode(b"cipher").decode()) == b"cipher"
    vault = f"{EXEC} --stdin -- {COMMAND} write"
    assert calls.read_text().splitlines() == [
        f"{vault} -field=ciphertext {CONNECTION} transit/encrypt/autounseal plaintext=-",
        f"{vault} -field=plaintext {CONNECTION} transit/decrypt/autounseal ciphertext=-",
    ]


def test_token_itself_is_not_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    answer = json.dumps({"data": {"id": "hvs.of-the-pod", "ttl": 3600}})
    calls = provide_pod(monkeypatch, tmp_path, pod(RUNNING), f"echo '{answer}'")
    assert OTHER.token() == {"ttl": 3600}
    assert calls.read_text().splitlines() == [f"{EXEC} -- {COMMAND} token lookup -format=json {CONNECTION}"]


@pytest.mark.parametrize(
    ("said", "fix", "settling"),
    [
        (
            'Error from server (Forbidden): pods "vault-0" is forbidden: cannot create "pods/exec"',
            "needs the right to create pods/exec in namespace 'secrets'",
            False,
        ),
        ('Error from server (NotFound): pods "vault-0" not found', "Check that the pods reach", False),
        ("Code: 400. Errors: * encryption key not found", "-force transit/keys/autounseal", False),
        ("Code: 404. Errors: * no handler for route", "vault secrets enable -path=transit transit", False),
        ("Code: 403. Errors: * permission denied * invalid token", "put a new one into the Secret", False),
        (
            "Code: 403. Errors: * permission denied",
            'path "transit/decrypt/autounseal" { capabilities = ["update"] }',
            False,
        ),
        ("Code: 503. Errors: * Vault is sealed", "Unseal the other Vault first.", True),
        ("x509: certificate signed by unknown authority", "see transit.tls.caSecret", True),
        ("connection refused", "Check that the pods reach https://vault.example.com:8200.", True),
    ],
)
def test_refusal_is_told_with_its_fix_and_whether_it_may_pass(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, said: str, fix: str, settling: bool
) -> None:
    provide_pod(monkeypatch, tmp_path, pod(RUNNING), fails_with(said))
    with pytest.raises(TransitError) as raised:
        OTHER.decrypt("vault:v1:...")
    assert raised.value.summary == f"vault write transit/decrypt/autounseal in pod vault-0: {said}"
    assert fix in str(raised.value)
    assert raised.value.settling is settling


@pytest.mark.parametrize("printed", ["", "null"])
def test_nothing_instead_of_an_answer_is_a_redirect(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, printed: str
) -> None:
    provide_pod(monkeypatch, tmp_path, pod(RUNNING), f"echo '{printed}'")
    for call in (lambda: OTHER.encrypt(b"x"), lambda: OTHER.decrypt("vault:v1:..."), OTHER.token):
        with pytest.raises(TransitError, match="redirects, which isn't followed") as raised:
            call()
        assert "Set transit.address to an address that answers itself" in str(raised.value)
        assert raised.value.settling is True


# The start of the pod


def not_running(seconds: float = 0) -> str:
    with pytest.raises(TransitError) as raised:
        OTHER.await_container(seconds)
    assert raised.value.settling is False
    return str(raised.value)


def test_pod_that_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    provide_pod(monkeypatch, tmp_path, pod(RUNNING), "exit 1")
    OTHER.await_container(0)


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (NO_POD, "not created yet"),
        (NO_POD.replace('"replicas": 1', '"replicas": 0'), "its StatefulSet has no replicas"),
        (pod(None), "Pending"),
        (pod({"waiting": {}}), "waiting"),
        (
            pod({"waiting": {"reason": "ImagePullBackOff", "message": "no such tag"}}),
            "ImagePullBackOff: no such tag",
        ),
    ],
)
def test_pod_that_has_not_begun(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, found: str, state: str
) -> None:
    provide_pod(monkeypatch, tmp_path, found, "exit 0")
    said = not_running()
    assert said.startswith(f"The start of Vault in pod vault-0 failed: it doesn't run: {state}\n")
    assert "A Secret with the other Vault's CA (transit.tls.caSecret)" in said


def test_pod_that_has_ended_is_told_with_its_log(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    provide_pod(monkeypatch, tmp_path, pod({"terminated": {"reason": "Error", "exitCode": 1}}), "exit 0")
    said = not_running()
    assert "it doesn't run: ended with exit code 1. Its last log lines:\nno such host\n" in said
    assert "Check that the pods reach https://vault.example.com:8200." in said


def test_pod_is_waited_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    provide_pod(monkeypatch, tmp_path, pod({"waiting": {"reason": "ContainerCreating"}}), "exit 0")
    told: list[str] = []

    def pause(_waiting: Waiting, state: str, *, seconds: float) -> None:
        told.append(state)
        assert seconds < 1
        (tmp_path / "pod").write_text(pod(RUNNING))

    monkeypatch.setattr(Waiting, "pause", pause)
    OTHER.await_container(60)
    assert told == ["ContainerCreating"]


def test_secret_of_the_token_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    waiting = {"reason": "CreateContainerConfigError", "message": 'secret "vault-transit-token" not found'}
    provide_pod(monkeypatch, tmp_path, pod({"waiting": waiting}), "exit 0")
    command = "kubectl --namespace=secrets create secret generic vault-transit-token --from-file=token="
    assert command in not_running()


def test_cluster_that_does_not_answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    only_commands(monkeypatch, tmp_path, kubectl=fails_with("connection refused"))
    assert "it doesn't run: connection refused" in not_running()
