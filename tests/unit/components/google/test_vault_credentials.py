"""The Google identity of Vault's pods: what is verified first, how tokens are got, and what refusals mean."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests

from components.google.vault_credentials import (
    ANNOTATION,
    STS,
    GoogleCallError,
    KeyFile,
    VaultIdentity,
    WorkloadIdentity,
    ask_google,
)
from tests.unit.fakes.kubectl_answers import TARGET, KubectlAnswers, provide_answers
from tests.unit.fakes.redirecting_server import redirecting_server

REQUEST = requests.request
EMAIL = "vault@acme.iam.gserviceaccount.com"
URL = "https://cloudkms.googleapis.com/v1/key"


def answer(status: int, body: object) -> requests.Response:
    response = requests.Response()
    response.status_code = status
    response._content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return response


@dataclass
class ScriptedGoogle:
    """Gives tokens, and what a test scripts for the rest."""

    script: list[requests.Response | Exception] = field(default_factory=list)
    sent: list[tuple[str, str, Mapping[str, str], Any]] = field(default_factory=list)

    def request(
        self,
        method: str,
        url: str,
        *,
        json: Any,
        headers: Mapping[str, str],
        timeout: object,
        allow_redirects: bool,
    ) -> requests.Response:
        assert timeout
        assert not allow_redirects
        self.sent.append((method, url, headers, json))
        if url == STS:
            return answer(200, {"access_token": "exchanged"})
        if url.endswith(":generateAccessToken"):
            return answer(200, {"accessToken": f"token {len(self.sent)}"})
        scripted = self.script.pop(0) if self.script else answer(200, {"found": True})
        if isinstance(scripted, Exception):
            raise scripted
        return scripted


@pytest.fixture(autouse=True)
def google(monkeypatch: pytest.MonkeyPatch) -> ScriptedGoogle:
    scripted = ScriptedGoogle()
    monkeypatch.setattr(requests, "request", scripted.request)
    return scripted


@pytest.fixture(autouse=True)
def kubectl(monkeypatch: pytest.MonkeyPatch) -> KubectlAnswers:
    answers = provide_answers(monkeypatch)
    answers.objects["serviceaccount", "vault"] = {"metadata": {"annotations": {ANNOTATION: EMAIL}}}
    return answers


def workload() -> WorkloadIdentity:
    return WorkloadIdentity(
        TARGET, "vault", EMAIL, "acme.svc.id.goog", "projects/acme/locations/e/clusters/c"
    )


def call(identity: VaultIdentity) -> Mapping[str, Any]:
    return identity.call("reading", "GET", URL, fix="Grant it.")


def refused(identity: VaultIdentity) -> GoogleCallError:
    with pytest.raises(GoogleCallError) as raised:
        call(identity)
    return raised.value


def test_pods_token_is_exchanged_for_one_of_the_account(
    google: ScriptedGoogle, kubectl: KubectlAnswers
) -> None:
    identity = workload()
    assert identity.name == EMAIL
    assert call(identity) == {"found": True}
    assert kubectl.asked[-1] == ("token", "vault", "acme.svc.id.goog", "600")
    (exchange, generation, read) = google.sent
    assert exchange[2] == {}
    assert exchange[3]["subjectToken"] == "the.pods.token"
    assert exchange[3]["audience"].endswith(
        "acme.svc.id.goog:https://container.googleapis.com/v1/projects/acme/locations/e/clusters/c"
    )
    assert generation[2] == {"Authorization": "Bearer exchanged"}
    assert f"/serviceAccounts/{EMAIL}:" in generation[1]
    assert read[2] == {"Authorization": "Bearer token 2"}


@pytest.mark.parametrize("metadata", [{}, {"annotations": {}}, {"annotations": {ANNOTATION: "node@acme"}}])
def test_service_account_that_is_not_annotated_so_is_refused_before_any_token(
    google: ScriptedGoogle, kubectl: KubectlAnswers, metadata: Mapping[str, Any]
) -> None:
    kubectl.objects["serviceaccount", "vault"] = {"metadata": metadata}
    error = refused(workload())
    assert f"instead of {EMAIL!r}" in str(error)
    assert not error.settling
    assert google.sent == []


def test_token_is_used_until_it_is_about_to_end(
    google: ScriptedGoogle, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr("components.google.vault_credentials.time.monotonic", lambda: now[0])
    identity = workload()
    for later, exchanges in ((0, 1), (3300, 1), (1, 2)):
        now[0] += later
        call(identity)
        assert [sent[1] for sent in google.sent].count(STS) == exchanges


def test_refused_call_is_followed_by_a_new_token(google: ScriptedGoogle) -> None:
    identity = workload()
    google.script = [answer(401, {"error": {"status": "UNAUTHENTICATED", "message": "no"}})]
    refused(identity)
    call(identity)
    assert [sent[1] for sent in google.sent].count(STS) == 2


@pytest.mark.parametrize(
    ("response", "words", "settling"),
    [
        (answer(403, {"error": {"status": "DENIED", "message": "no"}}), ["DENIED: no", "Grant it."], True),
        (answer(404, {"error": {"message": "none"}}), ["404: none"], True),
        (answer(400, {"error": {"status": "INVALID", "message": "x"}}), ["INVALID: x"], False),
        (answer(500, {"error": "x"}), ["x: "], True),
        (answer(499, []), ["499: "], False),
        (
            answer(400, {"error": "invalid_grant", "error_description": "too old"}),
            ["invalid_grant: too old"],
            False,
        ),
        (answer(502, "<html>"), ["502: no JSON"], True),
        (
            answer(
                403, {"error": {"status": "D", "message": "m", "details": [{"reason": "SERVICE_DISABLED"}]}}
            ),
            ["gcloud services enable cloudkms.googleapis.com"],
            True,
        ),
        (answer(403, {"error": {"status": "D", "message": "m", "details": ["?"]}}), ["Grant it."], True),
        (
            requests.ConnectionError("hush"),
            ["no answer from cloudkms.googleapis.com (ConnectionError)"],
            True,
        ),
    ],
)
def test_refusal_of_google(
    google: ScriptedGoogle, response: requests.Response | Exception, words: list[str], settling: bool
) -> None:
    google.script = [response]
    with pytest.raises(GoogleCallError) as raised:
        ask_google("reading", "GET", URL, None, token="", fix="Grant it.")
    for word in words:
        assert word in str(raised.value)
    assert raised.value.settling is settling
    assert "hush" not in str(raised.value)


@pytest.mark.parametrize(
    ("message", "settling"),
    [
        ("Error from server (Forbidden): no", False),
        ("Error from server (NotFound): no", True),
        ("Unable to connect to the server", True),
    ],
)
def test_cluster_that_does_not_give_the_object(kubectl: KubectlAnswers, message: str, settling: bool) -> None:
    kubectl.refusal = message
    error = refused(workload())
    assert "needs the right to get serviceaccounts in namespace 'secrets'" in str(error)
    assert error.settling is settling


@pytest.mark.parametrize(
    ("message", "settling"),
    [
        ("Error from server (Forbidden): no", False),
        ("Error from server (NotFound): no", False),
        ("Unable to connect to the server", True),
    ],
)
def test_cluster_that_does_not_give_the_token(
    monkeypatch: pytest.MonkeyPatch, kubectl: KubectlAnswers, message: str, settling: bool
) -> None:
    monkeypatch.setattr(WorkloadIdentity, "_require_annotation", lambda _: None)
    kubectl.refusal = message
    error = refused(workload())
    assert "needs the right to create serviceaccounts/token" in str(error)
    assert error.settling is settling


def key_file(kubectl: KubectlAnswers, content: str | bytes | None) -> KeyFile:
    data = (
        {}
        if content is None
        else {
            "credentials.json": base64.b64encode(
                content.encode() if isinstance(content, str) else content
            ).decode()
        }
    )
    kubectl.objects["secret", "gcp"] = {"data": data}
    return KeyFile(TARGET, "gcp")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "it has no key credentials.json"),
        ("{", "isn't JSON"),
        (b"\xff\xfe\xfd", "isn't JSON"),
        ("[]", "isn't of type service_account"),
        ('{"type": "authorized_user"}', "isn't of type service_account"),
        ('{"type": "external_account"}', "identity.tokenAudience isn't set"),
        ('{"type": "service_account", "private_key": "hush"}', "it isn't a service-account key"),
    ],
)
def test_key_file_that_cannot_be_used(kubectl: KubectlAnswers, content: str | bytes | None, why: str) -> None:
    error = refused(key_file(kubectl, content))
    assert why in str(error)
    assert "Secret secrets/gcp" in str(error)
    assert "hush" not in str(error)
    assert not error.settling


def test_secret_of_the_key_file_that_is_missing(kubectl: KubectlAnswers) -> None:
    error = refused(KeyFile(TARGET, "gcp"))
    assert "there is none of that name" in str(error)
    assert not error.settling
    kubectl.objects["secret", "gcp"] = {}
    assert "it has no key credentials.json" in str(refused(KeyFile(TARGET, "gcp")))


def test_key_file_that_is_not_base64(kubectl: KubectlAnswers) -> None:
    # Without the last character it is an empty object.
    kubectl.objects["secret", "gcp"] = {"data": {"credentials.json": "e30=%"}}
    assert "its credentials.json isn't JSON" in str(refused(KeyFile(TARGET, "gcp")))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_takes_no_token_along(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    monkeypatch.setattr(requests, "request", REQUEST)
    with redirecting_server(status) as server:
        with pytest.raises(GoogleCallError, match=f"{status}: a redirect, which isn't followed") as raised:
            ask_google("get", "POST", f"{server.address}/v1/key", {}, token="secret", fix="")
        assert server.arrived == []
    assert "network, proxy" in str(raised.value)
