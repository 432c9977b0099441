"""The proof of the seal awskms where AWS is busy, slow or wrong, or the cluster gives no token."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config

from components.errors import DeploymentError
from components.journal.encryption import SealKeyCipher
from components.kubernetes.kubectl import KubernetesTarget
from components.seal_preflight import KeyWrapper
from components.seals.seal import prove_seal
from tests.unit.fakes.init_inputs import CIPHER
from tests.unit.fakes.scripted_aws import ASSUME_ROLE, TOKEN, ScriptedAws, provide_aws

ROLE = "arn:aws:iam::111122223333:role/vault"
KEY = "arn:aws:kms:eu-central-1:111122223333:key/1"
PROPERTIES = {
    "seal": "awskms",
    "role_arn": ROLE,
    "key_arn": KEY,
    "region": "eu-central-1",
    "service_account": "vault",
}
USABLE = {"KeyId": "1", "KeySpec": "SYMMETRIC_DEFAULT", "KeyUsage": "ENCRYPT_DECRYPT", "KeyState": "Enabled"}
PROOF = [ASSUME_ROLE, "DescribeKey", "Encrypt", "Decrypt"]
LONG = 60


@dataclass
class Clock:
    """A clock on which only pauses take time, each as long as is set."""

    pause_seconds: float
    now: float = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, _: float) -> None:
        self.now += self.pause_seconds


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ScriptedAws]:
    """An AWS that the SDK is led to; pauses take no time."""
    monkeypatch.setattr("components.progress.time", Clock(pause_seconds=0))
    with provide_aws(monkeypatch, tmp_path, dict(USABLE)) as scripted:
        yield scripted


def prove(seconds: float = LONG) -> KeyWrapper:
    return prove_seal(
        PROPERTIES,
        KubernetesTarget(kubeconfig="", context="here", namespace="secrets"),
        seconds,
    )


def refused(seconds: float = LONG) -> str:
    with pytest.raises(DeploymentError) as raised:
        prove(seconds)
    said = str(raised.value)
    assert TOKEN not in said
    return said


def test_steps_and_who_takes_them(aws: ScriptedAws) -> None:
    prove()
    assert aws.actions() == PROOF
    first, *others = aws.requests
    assert first.access_key_id == ""
    assert {request.access_key_id for request in others} == {"ASIA0000000000000000"}
    assert (first.fields["RoleArn"], first.fields["DurationSeconds"]) == (ROLE, "900")
    assert {request.fields["KeyId"] for request in others} == {KEY}
    # As the seal itself, which has no context either.
    assert not any(request.fields.get("EncryptionContext") for request in others)


@pytest.mark.parametrize(
    "changed", [{"KeySpec": "RSA_2048"}, {"KeyUsage": "SIGN_VERIFY"}, {"KeySpec": "HMAC_256"}]
)
def test_key_of_the_wrong_kind_fails_at_once(aws: ScriptedAws, changed: dict[str, str]) -> None:
    aws.key = {**USABLE, **changed}
    said = refused()
    assert f"The key {KEY} is of the wrong kind" in said
    assert aws.actions() == PROOF[:2]


def test_key_whose_kind_is_not_told_is_tried(aws: ScriptedAws) -> None:
    aws.key = {"KeyId": "1"}
    prove()


@pytest.mark.parametrize("state", ["PendingImport", "Unavailable", "Disabled", "PendingDeletion"])
def test_key_in_another_state_fails_at_once(aws: ScriptedAws, state: str) -> None:
    aws.key = {**USABLE, "KeyState": state}
    assert f"{KEY} is in the state {state}" in refused()
    assert aws.actions() == PROOF[:2]


def test_key_that_is_still_made_is_waited_for(aws: ScriptedAws) -> None:
    aws.answers_once("DescribeKey", 200, KeyMetadata={**USABLE, "KeyState": "Creating"})
    prove()
    assert aws.actions().count("DescribeKey") == 2


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "ThrottlingException"),
        (500, "KMSInternalException"),
        (503, "DependencyTimeoutException"),
        (400, "AccessDeniedException"),
    ],
)
def test_passing_fault_of_kms_is_waited_out(aws: ScriptedAws, status: int, code: str) -> None:
    aws.answers_once("Encrypt", status, __type=code, message="later")
    prove()
    assert aws.actions().count("Encrypt") == 2
    assert aws.actions().count(ASSUME_ROLE) == 1


def test_kms_that_answers_too_late_is_asked_again(aws: ScriptedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    impatient("components.aws.vault_credentials.call_config", monkeypatch)
    aws.is_slow_once("Decrypt", 0.6)
    prove()
    assert aws.actions().count("Decrypt") == 2


def test_kms_that_never_answers_in_time_is_named(aws: ScriptedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    impatient("components.aws.vault_credentials.call_config", monkeypatch)
    aws.is_slow_once("Encrypt", 0.6)
    said = refused(seconds=0)
    assert "kms:Encrypt failed: Read timeout on endpoint URL" in said
    assert "Check that this machine reaches AWS in eu-central-1" in said


def impatient(name: str, monkeypatch: pytest.MonkeyPatch) -> None:

    monkeypatch.setattr(
        name, lambda: Config(connect_timeout=5, read_timeout=0.2, retries={"total_max_attempts": 1})
    )


def test_fault_that_no_waiting_fixes_fails_at_once(aws: ScriptedAws) -> None:
    aws.answers_once(
        "Encrypt", 400, __type="InvalidGrantTokenException", message="The grant token is not valid"
    )
    said = refused()
    assert "kms:Encrypt failed: InvalidGrantTokenException: The grant token is not valid" in said
    assert aws.actions().count("Encrypt") == 1


def test_key_that_decrypts_something_else(aws: ScriptedAws) -> None:
    aws.answers_once("Decrypt", 200, Plaintext=base64.b64encode(b"something else").decode())
    assert f"{KEY} decrypted something else than it had encrypted" in refused()


def test_journal_names_its_deployment_to_kms(aws: ScriptedAws) -> None:
    SealKeyCipher(prove(), CIPHER).prepare("cluster-uid/secrets/vault")
    context = {"vault-autounseal:deployment": "cluster-uid/secrets/vault"}
    wrapping = [request for request in aws.requests if request.fields.get("EncryptionContext")]
    assert [(request.action, request.fields["EncryptionContext"]) for request in wrapping] == [
        ("Encrypt", context),
        ("Decrypt", context),
    ]


def test_one_line_every_ten_seconds(
    aws: ScriptedAws, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("components.progress.time", Clock(pause_seconds=11))
    denied: dict[str, Any] = {"__type": "AccessDeniedException", "message": "not authorized"}
    for _ in range(2):
        aws.answers_once("Encrypt", 400, **denied)
    prove()
    lines = capfd.readouterr().err.splitlines()
    assert lines[0] == f"Proving that {ROLE} can use {KEY}"
    assert lines[1:] == [
        f"Waiting for {ROLE} to be able to use its key: kms:Encrypt: AccessDeniedException: "
        "not authorized (11 s)"
    ]
