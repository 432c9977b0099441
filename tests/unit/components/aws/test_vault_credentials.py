"""A session of Vault's role: how it is had and renewed, and which refusals of AWS may pass."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    ParamValidationError,
    ReadTimeoutError,
)

from components.aws.preflight import VaultRoleKey
from components.aws.vault_credentials import (
    AwsCallError,
    VaultIdentity,
    VaultRoleSession,
    WebIdentityCredentials,
)
from components.kubernetes.kubectl import KubernetesTarget
from tests.unit.fakes.commands_on_path import only_commands
from tests.unit.fakes.redirecting_server import redirecting_server
from tests.unit.fakes.scripted_aws import ASSUME_ROLE, TOKEN, TOKEN_ANSWER, ScriptedAws, provide_aws

ROLE = "arn:aws:iam::111122223333:role/vault"
KEY = "arn:aws:kms:eu-central-1:111122223333:key/1"
TARGET = KubernetesTarget(kubeconfig="", context="here", namespace="secrets")
IDENTITY = VaultIdentity(ROLE, "eu-central-1", "vault", TARGET)
ASSUMING = "sts:AssumeRoleWithWebIdentity"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ScriptedAws]:
    with provide_aws(monkeypatch, tmp_path, {"KeyId": "1"}) as scripted:
        yield scripted


@pytest.fixture
def session() -> VaultRoleSession:
    return VaultRoleSession(WebIdentityCredentials(IDENTITY))


def kms_error(session: VaultRoleSession, code: str, status: int = 400) -> AwsCallError:
    answer = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    # The types of the SDK's own error want more of the answer than it reads.
    return session.kms_error("kms:Encrypt", ClientError(answer, "Encrypt"), KEY)  # type: ignore[arg-type]


def test_role_is_assumed_with_a_pods_token_and_nobodys_credentials(
    aws: ScriptedAws, session: VaultRoleSession
) -> None:
    session.kms().describe_key(KeyId=KEY)
    assumed, described = aws.requests
    assert (assumed.action, assumed.access_key_id) == (ASSUME_ROLE, "")
    assert assumed.fields["RoleArn"] == ROLE
    assert assumed.fields["WebIdentityToken"] == TOKEN
    assert assumed.fields["DurationSeconds"] == "900"
    assert (described.action, described.access_key_id) == ("DescribeKey", "ASIA0000000000000000")


def test_token_is_for_the_service_account_and_aws(
    aws: ScriptedAws, session: VaultRoleSession, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = f"""echo "$*" > '{tmp_path}/line'; /bin/cat > '{tmp_path}/request'; {TOKEN_ANSWER}"""
    only_commands(monkeypatch, tmp_path / "recorded", kubectl=script)
    session.kms()
    assert "/api/v1/namespaces/secrets/serviceaccounts/vault/token" in (tmp_path / "line").read_text()
    spec = json.loads((tmp_path / "request").read_text())["spec"]
    assert spec == {"audiences": ["sts.amazonaws.com"], "expirationSeconds": 600}
    assert aws.actions() == [ASSUME_ROLE]


@pytest.mark.parametrize(("left_seconds", "sessions"), [(299, 2), (330, 1)])
def test_credentials_are_renewed_five_minutes_before_they_end(
    aws: ScriptedAws, session: VaultRoleSession, left_seconds: int, sessions: int
) -> None:
    aws.session_seconds = left_seconds
    session.kms()
    session.kms()
    assert aws.actions() == [ASSUME_ROLE] * sessions


@pytest.mark.parametrize(("code", "sessions"), [("ExpiredTokenException", 2), ("AccessDeniedException", 1)])
def test_credentials_that_aws_finds_expired_are_renewed(
    aws: ScriptedAws, session: VaultRoleSession, code: str, sessions: int
) -> None:
    session.kms()
    kms_error(session, code)
    session.kms()
    assert aws.actions() == [ASSUME_ROLE] * sessions


@pytest.mark.parametrize(
    ("code", "fix"),
    [
        ("AccessDenied", "its trust policy has to let the OIDC provider"),
        ("InvalidIdentityToken", "needs an IAM OIDC provider for the cluster's issuer"),
        ("IDPCommunicationError", "AWS has to reach the issuer's keys"),
    ],
)
def test_refusal_of_the_role_is_told_with_its_fix(
    aws: ScriptedAws, session: VaultRoleSession, code: str, fix: str
) -> None:
    aws.answers_once(ASSUME_ROLE, 403, Code=code, Message="no")
    with pytest.raises(AwsCallError) as raised:
        session.kms()
    assert raised.value.summary == f"{ASSUMING}: {code}: no"
    assert fix in str(raised.value)
    assert raised.value.settling


@pytest.mark.parametrize(
    ("code", "status", "fix", "settling"),
    [
        ("AccessDeniedException", 400, f"has to allow kms:Encrypt on {KEY}", True),
        ("NotFoundException", 400, f"Check the key {KEY} and its region (eu-central-1)", True),
        ("ExpiredTokenException", 400, "try again later", True),
        ("ThrottlingException", 400, "try again later", True),
        ("KMSInternalException", 500, "try again later", True),
        ("InvalidGrantTokenException", 400, "Fix what AWS names there", False),
    ],
)
def test_refusal_of_the_key_is_told_with_its_fix_and_whether_it_may_pass(
    session: VaultRoleSession, code: str, status: int, fix: str, settling: bool
) -> None:
    error = kms_error(session, code, status)
    assert error.summary == f"kms:Encrypt: {code}: no"
    assert fix in str(error)
    assert error.settling is settling


@pytest.mark.parametrize(
    ("error", "settling"),
    [
        (EndpointConnectionError(endpoint_url="https://kms"), True),
        (ReadTimeoutError(endpoint_url="https://kms"), True),
        (ParamValidationError(report="no such parameter"), False),
    ],
)
def test_call_without_an_answer(session: VaultRoleSession, error: BotoCoreError, settling: bool) -> None:
    told = session.kms_error("kms:Encrypt", error, KEY)
    assert "Check that this machine reaches AWS in eu-central-1" in str(told)
    assert told.settling is settling


def test_issuer_of_the_token_is_named(
    aws: ScriptedAws, session: VaultRoleSession, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    claims = base64.urlsafe_b64encode(json.dumps({"iss": "https://issuer.example.com"}).encode()).decode()
    token = f"header.{claims.rstrip('=')}.signature"
    answer = json.dumps({"status": {"token": token}})
    only_commands(monkeypatch, tmp_path / "recorded", kubectl=f"echo '{answer}'")
    aws.answers_once(ASSUME_ROLE, 403, Code="AccessDenied", Message="Not authorized")
    with pytest.raises(AwsCallError, match=r"the OIDC provider of https://issuer\.example\.com") as raised:
        session.kms()
    assert "sub system:serviceaccount:secrets:vault" in str(raised.value)
    assert token not in str(raised.value)


def test_token_without_an_issuer_hides_no_refusal(aws: ScriptedAws, session: VaultRoleSession) -> None:
    aws.answers_once(ASSUME_ROLE, 403, Code="AccessDenied", Message="Not authorized")
    with pytest.raises(AwsCallError, match="the OIDC provider of the cluster's issuer"):
        session.kms()


@pytest.mark.parametrize(
    ("said", "fix", "settling"),
    [
        (
            'Error from server (NotFound): serviceaccounts "vault" not found',
            "There has to be a service account 'vault' in namespace 'secrets'",
            False,
        ),
        (
            "Error from server (Forbidden): cannot create resource serviceaccounts/token",
            "needs the right to create serviceaccounts/token in namespace 'secrets'",
            False,
        ),
        ("EOF", "Check that this machine reaches the cluster", True),
    ],
)
def test_no_token_to_be_had(
    aws: ScriptedAws,
    session: VaultRoleSession,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    said: str,
    fix: str,
    settling: bool,
) -> None:
    only_commands(monkeypatch, tmp_path / "refusing", kubectl=f"echo '{said}' >&2; exit 1")
    with pytest.raises(AwsCallError) as raised:
        session.kms()
    assert said in str(raised.value)
    assert fix in str(raised.value)
    assert raised.value.settling is settling
    assert aws.requests == []


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("service", ["STS", "KMS"])
def test_redirect_takes_nothing_along(
    monkeypatch: pytest.MonkeyPatch, session: VaultRoleSession, service: str, status: int
) -> None:
    key = VaultRoleKey(session, KEY)
    with redirecting_server(status) as server:
        monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", server.address)
        with pytest.raises(AwsCallError, match="network, proxy, AWS_ENDPOINT_URL") as raised:
            key.encrypt(b"plain", {})
        assert server.arrived == []
    assert raised.value.settling is True
