"""The proof of the seal gcpckms against a Google Cloud that enforces IAM: each right is taken away once."""

import base64
import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from components.errors import DeploymentError
from components.google.vault_credentials import GoogleCallError
from components.journal.encryption import JournalCipher, JournalError, SealKeyCipher
from components.kubernetes.kubectl import KubernetesTarget
from components.seals.seal import prove_seal
from sandbox.google.project import CLUSTER_PATH, PROJECT_ID, WORKLOAD_POOL
from tests.integration.google.running_google import RunningGoogle
from tests.unit.fakes.commands_on_path import install_command, only_commands
from tests.unit.fakes.init_inputs import CIPHER

TARGET = KubernetesTarget(kubeconfig="", context="here", namespace="vault")
USE = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
VIEW = "roles/cloudkms.viewer"
KMS = "cloudkms.googleapis.com/v1"
IAM = "iam.googleapis.com/v1"
SECONDS = 0.5


@dataclass
class Kubernetes:
    """A kubectl that has one service account and one Secret."""

    folder: Path
    token: str = ""
    annotation: str = ""
    secret: Mapping[str, str] = field(default_factory=dict)
    refusal: str = ""

    def install(self) -> None:
        account = {"metadata": {"annotations": {"iam.gke.io/gcp-service-account": self.annotation}}}
        data = {name: base64.b64encode(value.encode()).decode() for name, value in self.secret.items()}
        answers = {
            "*/token*": {"status": {"token": self.token}},
            "*serviceaccount*": account,
            "*secret*": {"data": data},
        }
        cases = ""
        for number, (pattern, answer) in enumerate(answers.items()):
            file = self.folder / f"answer-{number}.json"
            file.write_text(json.dumps(answer))
            cases += f"{pattern}) /bin/cat {file};;\n"
        refuse = f"echo '{self.refusal}' >&2; exit 1" if self.refusal else ""
        install_command(self.folder, "kubectl", f'{refuse}\ncase "$*" in\n{cases}esac')


@pytest.fixture
def kubernetes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Kubernetes:
    """With nothing in it yet."""
    folder = tmp_path / "commands"
    only_commands(monkeypatch, folder)
    return Kubernetes(folder)


@pytest.fixture(autouse=True)
def led_to_google(google: RunningGoogle, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The environment leads to the sandbox's Google; the deployer's own credentials play no part."""
    for name, value in google.environment.items():
        if name not in ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_OAUTH_ACCESS_TOKEN"):
            monkeypatch.setenv(name, value)
    for name in ("https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    google.forget_calls()
    yield


@dataclass
class Trial:
    """A key, an account, and one kind of identity."""

    google: RunningGoogle
    kubernetes: Kubernetes
    key: str
    account: str
    kind: str

    def grant(self, *roles: str) -> None:
        """These roles on the key, and no other."""
        self.google.bind(f"{KMS}/{self.key}", {role: [f"serviceAccount:{self.account}"] for role in roles})

    def impersonated_by(self, *members: str) -> None:
        bindings = {"roles/iam.workloadIdentityUser": list(members)} if members else {}
        self.google.bind(f"{IAM}/projects/-/serviceAccounts/{self.account}", bindings)

    def prove(self, *, seconds: float = SECONDS) -> JournalCipher:
        self.kubernetes.install()
        self.google.forget_calls()
        key = prove_seal(
            {
                "seal": "gcpckms",
                "kind": self.kind,
                "key_id": self.key,
                "service_account": "vault",
                "service_account_email": self.account,
                "workload_pool": WORKLOAD_POOL,
                "cluster": CLUSTER_PATH,
                "secret": "gcp-kms-sa",
            },
            TARGET,
            seconds,
        )
        return SealKeyCipher(key, CIPHER)

    def refused(self) -> str:
        """What a proof that doesn't succeed says."""
        with pytest.raises(DeploymentError) as raised:
            self.prove()
        assert "this run has initialised nothing" in str(raised.value)
        return str(raised.value)


MakeTrial = Callable[[str], Trial]


@pytest.fixture
def trial(google: RunningGoogle, kubernetes: Kubernetes, key: str, account: str) -> MakeTrial:
    """A trial in which everything is as it has to be."""

    def make(kind: str) -> Trial:
        made = Trial(google, kubernetes, key, account, kind)
        made.grant(USE, VIEW)
        if kind == "workload-identity":
            made.impersonated_by(f"serviceAccount:{WORKLOAD_POOL}[vault/vault]")
            kubernetes.token = google.workload_token("vault", "vault")
            kubernetes.annotation = account
        else:
            kubernetes.secret = {"credentials.json": json.dumps(google.key_file(account))}
        return made

    return make


@pytest.mark.parametrize("kind", ["workload-identity", "key-file", "secret"])
def test_identity_proves_its_key_and_encrypts_a_journal(trial: MakeTrial, kind: str) -> None:
    made = trial(kind)
    cipher = made.prove()
    kms = [call for call in made.google.calls() if call["host"] == "cloudkms.googleapis.com"]
    assert {call["caller"] for call in kms} == {f"serviceAccount:{made.account}"}
    assert [call["method"] for call in kms] == ["GetCryptoKey", "TestIamPermissions", "Encrypt", "Decrypt"]
    data_key = cipher.prepare("uid/vault/vault")
    sealed = data_key.encrypt(b"the answer of an init")
    assert cipher.open(data_key.header, "uid/vault/vault").decrypt(sealed) == b"the answer of an init"
    with pytest.raises(JournalError):
        cipher.open(data_key.header, "uid/another/vault")
    assert data_key.header["key"] == made.key


@pytest.mark.parametrize("kind", ["workload-identity", "key-file"])
@pytest.mark.parametrize(
    ("roles", "words"),
    [
        ((USE,), ["cloudkms.cryptoKeys.get failed", "a role with cloudkms.cryptoKeys.get on"]),
        ((VIEW,), ["cloudkms.cryptoKeyVersions.useToEncrypt and", "not granted on", USE]),
        (
            (VIEW, "roles/cloudkms.cryptoKeyEncrypter"),
            ["cloudkms.cryptoKeyVersions.useToDecrypt failed", USE],
        ),
        (
            (VIEW, "roles/cloudkms.cryptoKeyDecrypter"),
            ["cloudkms.cryptoKeyVersions.useToEncrypt failed", USE],
        ),
        ((), ["cloudkms.cryptoKeys.get failed: PERMISSION_DENIED"]),
    ],
)
def test_missing_role_is_named_with_the_resource(
    trial: MakeTrial, kind: str, roles: Sequence[str], words: Sequence[str]
) -> None:
    made = trial(kind)
    made.grant(*roles)
    said = made.refused()
    assert [word for word in (*words, made.key, "pulumi up --refresh") if word not in said] == []


def test_role_that_comes_later_is_waited_for(trial: MakeTrial, monkeypatch: pytest.MonkeyPatch) -> None:
    made = trial("key-file")
    made.grant(VIEW)
    tries = 0

    def sleep(_: float) -> None:
        nonlocal tries
        tries += 1
        made.grant(VIEW, USE)

    monkeypatch.setattr("components.progress.time.sleep", sleep)
    made.prove(seconds=30)
    assert tries == 1


def test_account_that_the_pods_may_not_be(trial: MakeTrial) -> None:
    made = trial("workload-identity")
    made.impersonated_by(f"serviceAccount:{WORKLOAD_POOL}[vault/another]")
    said = made.refused()
    assert "iam.serviceAccounts.getAccessToken failed: PERMISSION_DENIED" in said
    assert f"serviceAccount:{WORKLOAD_POOL}[vault/vault] needs roles/iam.workloadIdentityUser" in said


def test_account_made_again_under_the_same_name_has_no_rights(trial: MakeTrial) -> None:
    made = trial("workload-identity")
    made.prove()
    account_id = made.account.partition("@")[0]
    made.google.call("DELETE", f"{IAM}/projects/{PROJECT_ID}/serviceAccounts/{made.account}")
    made.google.create_account(account_id)
    assert "iam.serviceAccounts.getAccessToken failed" in made.refused()
    made.impersonated_by(f"serviceAccount:{WORKLOAD_POOL}[vault/vault]")
    assert "cloudkms.cryptoKeys.get failed" in made.refused()


def test_pods_that_would_be_their_node(trial: MakeTrial, kubernetes: Kubernetes) -> None:
    made = trial("workload-identity")
    kubernetes.annotation = "somebody-else@example.iam.gserviceaccount.com"
    said = made.refused()
    assert "its annotation iam.gke.io/gcp-service-account is 'somebody-else@" in said
    assert "GKE takes the account of the node" in said
    assert made.google.calls() == []


def test_token_of_another_cluster(trial: MakeTrial, kubernetes: Kubernetes) -> None:
    made = trial("workload-identity")
    kubernetes.token = made.google.workload_token("vault", "vault", iss="https://example.com")
    said = made.refused()
    assert "The exchange of a token of Vault's service account failed: invalid_grant" in said
    assert "Workload Identity has to be on" in said


def test_disabled_version_fails_at_once(trial: MakeTrial) -> None:
    made = trial("key-file")
    version = f"{made.key}/cryptoKeyVersions/1"
    made.google.call("PATCH", f"{KMS}/{version}?updateMask=state", {"state": "DISABLED"})
    with pytest.raises(DeploymentError) as raised:
        made.prove(seconds=600)
    assert f"the primary version of {made.key} is DISABLED" in str(raised.value)
    assert f"gcloud kms keys versions enable {version}" in str(raised.value)


@pytest.mark.parametrize(
    ("secret", "words"),
    [
        ({}, "it has no key credentials.json"),
        ({"credentials.json": "no JSON"}, "its credentials.json isn't JSON"),
        ({"credentials.json": '{"type": "authorized_user"}'}, "isn't of type service_account"),
        (
            {"credentials.json": '{"type": "service_account", "private_key": "k"}'},
            "isn't a service-account key",
        ),
    ],
)
def test_secret_that_holds_something_else(
    trial: MakeTrial, kubernetes: Kubernetes, secret: Mapping[str, str], words: str
) -> None:
    made = trial("secret")
    kubernetes.secret = secret
    said = made.refused()
    assert words in said
    assert "gcloud iam service-accounts keys create" in said


def test_no_secret_reaches_the_message(trial: MakeTrial, kubernetes: Kubernetes) -> None:
    made = trial("secret")
    made.grant()
    said = made.refused()
    credentials: Any = json.loads(kubernetes.secret["credentials.json"])
    body = credentials["private_key"].splitlines()[1]
    assert body not in said
    assert credentials["private_key_id"] not in said


def test_right_in_kubernetes_that_is_missing(trial: MakeTrial, kubernetes: Kubernetes) -> None:
    made = trial("secret")
    kubernetes.refusal = "Error from server (Forbidden): secrets is forbidden"
    assert "needs the right to get secrets in namespace" in made.refused()


def test_api_that_is_off(google: RunningGoogle, trial: MakeTrial) -> None:
    made = trial("key-file")
    service = f"serviceusage.googleapis.com/v1/projects/{PROJECT_ID}/services/cloudkms.googleapis.com"
    google.wait_for(google.call("POST", f"{service}:disable", {"disableDependentServices": True}).result)
    try:
        said = made.refused()
    finally:
        google.enable_apis("cloudkms.googleapis.com")
    assert "gcloud services enable cloudkms.googleapis.com" in said


def test_google_that_does_not_answer(trial: MakeTrial, monkeypatch: pytest.MonkeyPatch) -> None:
    made = trial("key-file")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert "no answer from cloudkms.googleapis.com" in made.refused()


def test_journal_of_another_key(trial: MakeTrial) -> None:
    made = trial("key-file")
    cipher = made.prove()
    header = {**cipher.prepare("d").header, "key": "projects/p/locations/l/keyRings/r/cryptoKeys/k"}
    with pytest.raises(JournalError, match="its key was wrapped by projects/p/"):
        cipher.open(header, "d")


def test_key_service_that_fails_for_a_while_keeps_the_journal_waiting(
    google: RunningGoogle, trial: MakeTrial
) -> None:
    cipher = trial("key-file").prove()
    google.begin_outage(["cloudkms.googleapis.com"], 1.5)
    assert secrets.compare_digest(cipher.prepare("d").deployment, "d")


def test_call_error_has_a_line_for_the_time_while_it_may_settle() -> None:
    error = GoogleCallError("encrypt", "said", "fix", settling=True)
    assert error.summary == "encrypt: said"
