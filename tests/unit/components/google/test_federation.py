"""Vault's identity by Workload Identity Federation: what is exchanged, and which credentials are refused."""

import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest

from components.google import federation
from components.google.federation import FederatedIdentity, unusable
from components.google.vault_credentials import CREDENTIALS, STS, GoogleCallError
from tests.unit.fakes.kubectl_answers import TARGET, KubectlAnswers, provide_answers

PROVIDER = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/cluster"
IMPERSONATION = (
    f"{CREDENTIALS}/projects/-/serviceAccounts/vault@acme.iam.gserviceaccount.com:generateAccessToken"
)
USABLE: Mapping[str, Any] = {
    "type": "external_account",
    "audience": PROVIDER,
    "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
    "token_url": STS,
    "credential_source": {"file": "/vault/google-token/token", "format": {"type": "text"}},
}


@pytest.fixture
def kubectl(monkeypatch: pytest.MonkeyPatch) -> KubectlAnswers:
    return provide_answers(monkeypatch)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any, str]]:
    """The URL, body and token of each request."""
    requests: list[tuple[str, Any, str]] = []

    def ask(_action: str, _method: str, url: str, body: Any, *, token: str, fix: str) -> Mapping[str, Any]:
        assert fix
        requests.append((url, body, token))
        return {"access_token": "federated", "accessToken": "impersonated"}

    monkeypatch.setattr(federation, "ask_google", ask)
    return requests


def identity(kubectl: KubectlAnswers, credentials: Mapping[str, Any]) -> FederatedIdentity:
    encoded = base64.b64encode(json.dumps(credentials).encode()).decode()
    kubectl.objects["secret", "gcp"] = {"data": {"credentials.json": encoded}}
    return FederatedIdentity(TARGET, "gcp", "vault", "https://pool.example.com")


def test_a_token_of_the_pods_account_is_exchanged(
    kubectl: KubectlAnswers, asked: list[tuple[str, Any, str]]
) -> None:
    vault = identity(kubectl, USABLE)
    assert vault._fetch() == "federated"
    assert vault.name == "Secret secrets/gcp"
    assert kubectl.asked[-1] == ("token", "vault", "https://pool.example.com", "3600")
    ((url, body, token),) = asked
    assert (url, token) == (STS, "")
    assert (body["audience"], body["subjectToken"]) == (PROVIDER, "the.pods.token")
    assert body["subjectTokenType"] == USABLE["subject_token_type"]


def test_a_service_account_is_impersonated_with_it(
    kubectl: KubectlAnswers, asked: list[tuple[str, Any, str]]
) -> None:
    credentials = {**USABLE, "service_account_impersonation_url": IMPERSONATION}
    assert identity(kubectl, credentials)._fetch() == "impersonated"
    assert [(url, token) for url, _, token in asked] == [(STS, ""), (IMPERSONATION, "federated")]


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"type": "service_account"}, "identity.tokenAudience is for"),
        ({"credential_source": {"executable": {"command": "/bin/token"}}}, "an executable"),
        ({"credential_source": {"url": "http://169.254.169.254/token"}}, "/vault/google-token/token"),
        ({"credential_source": {"environment_id": "aws1"}}, "/vault/google-token/token"),
        ({"credential_source": {"file": "/elsewhere"}}, "/vault/google-token/token"),
        ({"credential_source": None}, "/vault/google-token/token"),
        (
            {"credential_source": {**USABLE["credential_source"], "format": {"type": "json"}}},
            "a token in JSON",
        ),
        ({"subject_token_type": "urn:ietf:params:aws:token-type:aws4_request"}, "subject_token_type"),
        ({"token_url": "https://sts.example.com/v1/token"}, "another token_url"),
        ({"audience": "//iam.example.com/pool"}, "no provider of a workload identity pool"),
        ({"service_account_impersonation_url": "https://example.com/token"}, "isn't Google's"),
    ],
)
def test_credentials_that_are_refused_before_a_token_goes_anywhere(
    kubectl: KubectlAnswers, asked: list[tuple[str, Any, str]], changed: Mapping[str, Any], why: str
) -> None:
    with pytest.raises(GoogleCallError, match=why) as raised:
        identity(kubectl, {**USABLE, **changed})._fetch()
    assert not raised.value.settling
    assert asked == []
    assert [question[0] for question in kubectl.asked] == ["get"]


def test_bare_tokens_are_the_default_format() -> None:
    source = {"file": "/vault/google-token/token"}
    assert unusable({**USABLE, "credential_source": source}) == ""
