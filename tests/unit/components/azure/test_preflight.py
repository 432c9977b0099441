"""The proof of the seal azurekeyvault where Azure is busy or wrong, or the cluster has no credential."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from components.errors import DeploymentError
from components.kubernetes.kubectl import KubernetesTarget
from components.seals.seal import prove_seal
from tests.unit.fakes.commands_on_path import only_commands
from tests.unit.fakes.redirecting_server import redirecting_server

KEY = "https://acme-unseal.vault.azure.net/keys/unseal"
TOKEN_URL = "https://login.microsoftonline.com/tenant/oauth2/v2.0/token"
CLIENT_SECRET = "the-secret-itself"
PROPERTIES = {
    "seal": "azurekeyvault",
    "key_url": KEY,
    "tenant_id": "tenant",
    "client_id": "client",
    "authority": "login.microsoftonline.com",
    "service_account": "vault",
    "secret_name": "azure-unseal",
    "secret_key": "client-secret",
}
USABLE = {"kty": "RSA", "key_ops": ["encrypt", "wrapKey", "unwrapKey"]}


def answer(status: int, body: Any) -> requests.Response:
    response = requests.Response()
    response.status_code = status
    response._content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return response


def refusal(status: int, code: str, message: str, inner: str = "") -> requests.Response:
    return answer(status, {"error": {"code": code, "message": message, "innererror": {"code": inner}}})


@dataclass
class ScriptedSession:
    """Answers as Azure does where nothing is wrong, and by the script where that has something."""

    script: dict[str, list[requests.Response | Exception]] = field(default_factory=dict)
    key: Mapping[str, Any] = field(default_factory=lambda: USABLE)
    attributes: Mapping[str, Any] = field(default_factory=lambda: {"enabled": True})
    lives: int = 3599
    sent: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    def steps(self) -> list[str]:
        return [step for step, _, _ in self.sent]

    def request(self, method: str, url: str, **options: Any) -> requests.Response:
        step = "token" if url == TOKEN_URL else "get" if method == "GET" else url.rsplit("/", 1)[1]
        self.sent.append((step, url, options))
        if self.script.get(step):
            scripted = self.script[step].pop(0)
            if isinstance(scripted, Exception):
                raise scripted
            return scripted
        if step == "token":
            return answer(200, {"access_token": "bearer", "expires_in": self.lives})
        if step == "get":
            return answer(200, {"key": {"kid": f"{KEY}/7", **self.key}, "attributes": self.attributes})
        return answer(200, {"kid": f"{KEY}/7", "value": options["json"]["value"]})


@pytest.fixture(autouse=True)
def azure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ScriptedSession:
    """An Azure that wraps by doing nothing, and a kubectl that has the Secret; pauses take no time."""
    secret = {"data": {"client-secret": base64.b64encode(CLIENT_SECRET.encode()).decode()}}
    only_commands(monkeypatch, tmp_path / "commands", kubectl=f"echo '{json.dumps(secret)}'")
    monkeypatch.setattr("components.progress.time.sleep", lambda _: None)
    session = ScriptedSession()
    monkeypatch.setattr("components.azure.preflight.requests.Session", lambda: session)
    return session


def prove(seconds: float = 60, **changes: str) -> None:
    target = KubernetesTarget(kubeconfig="", context="here", namespace="secrets")
    assert prove_seal({**PROPERTIES, **changes}, target, seconds) is not None


def refused(seconds: float = 60, **changes: str) -> str:
    with pytest.raises(DeploymentError) as raised:
        prove(seconds, **changes)
    said = str(raised.value)
    assert CLIENT_SECRET not in said
    return said


def test_steps_and_how_azure_is_asked(azure: ScriptedSession) -> None:
    prove()
    assert [(step, url) for step, url, _ in azure.sent] == [
        ("token", TOKEN_URL),
        ("get", KEY),
        ("wrapkey", f"{KEY}/wrapkey"),
        ("unwrapkey", f"{KEY}/7/unwrapkey"),
    ]
    token, *others = [options for _, _, options in azure.sent]
    assert token["data"] == {
        "grant_type": "client_credentials",
        "client_id": "client",
        "scope": "https://vault.azure.net/.default",
        "client_secret": CLIENT_SECRET,
    }
    assert {options["params"]["api-version"] for options in others} == {"7.4"}
    assert {options["headers"]["Authorization"] for options in others} == {"Bearer bearer"}
    assert {options["json"]["alg"] for options in others[1:]} == {"RSA-OAEP-256"}
    assert all(options["timeout"] and not options["allow_redirects"] for _, _, options in azure.sent)


def test_token_that_is_about_to_end_is_renewed(azure: ScriptedSession) -> None:
    azure.lives = 299
    prove()
    assert azure.steps().count("token") == 3


@pytest.mark.parametrize(
    ("key", "attributes", "words"),
    [
        ({"kty": "EC", "key_ops": ["sign"]}, {}, "is of the wrong kind (EC)"),
        (
            {"kty": "RSA", "key_ops": ["wrapKey"]},
            {},
            "doesn't allow unwrapKey: az keyvault key set-attributes",
        ),
        ({"kty": "RSA-HSM"}, {}, "doesn't allow wrapKey and unwrapKey"),
        (USABLE, {"enabled": False}, "is disabled"),
    ],
)
def test_key_that_cannot_seal_fails_at_once(
    azure: ScriptedSession, key: Mapping[str, Any], attributes: Mapping[str, Any], words: str
) -> None:
    azure.key, azure.attributes = key, attributes
    assert words in refused()
    assert azure.steps() == ["token", "get"]


def test_key_whose_state_is_not_told_is_tried(azure: ScriptedSession) -> None:
    azure.attributes = {}
    prove()


@pytest.mark.parametrize(
    "fault",
    [
        requests.ConnectTimeout("timed out"),
        answer(429, "slow down"),
        answer(500, "<html>"),
        refusal(403, "Forbidden", "not authorized", "ForbiddenByRbac"),
    ],
    ids=["timeout", "throttled", "broken", "right-not-settled"],
)
def test_passing_fault_of_the_key_vault_is_waited_out(
    azure: ScriptedSession, fault: requests.Response | Exception
) -> None:
    azure.script["wrapkey"] = [fault]
    prove()
    assert azure.steps().count("wrapkey") == 2


def test_fault_that_stays_is_named_once_the_time_is_over(azure: ScriptedSession) -> None:
    azure.script["wrapkey"] = [answer(502, "<html>")]
    assert f"wrapKey of {KEY} failed: HTTP 502" in refused(seconds=0)


@pytest.mark.parametrize(
    ("inner", "fix"),
    [
        ("ForbiddenByFirewall", "The key vault's firewall lets the pods through at best, not this machine"),
        ("ForbiddenByConnection", "run pulumi up where it is reachable, or set init.preflight to false"),
        ("KeyDisabled", "Enable the key."),
    ],
)
def test_refusal_that_no_waiting_fixes_fails_at_once(azure: ScriptedSession, inner: str, fix: str) -> None:
    azure.script["get"] = [refusal(403, "Forbidden", "Azure's own words", inner)]
    said = refused()
    assert f"get of {KEY} failed: {inner}: Azure's own words" in said
    assert fix in said


@pytest.mark.parametrize(
    ("description", "fix"),
    [
        ("AADSTS7000222: The provided client secret keys are expired.", "make another one"),
        ("AADSTS90002: Tenant 'tenant' not found.", "Check tenantId of azureKeyVault, and its environment."),
        ("AADSTS50034: Something else.", "Check tenantId and clientId."),
    ],
)
def test_login_that_refuses_fails_at_once(azure: ScriptedSession, description: str, fix: str) -> None:
    body = {"error": "invalid_client", "error_description": f"{description} \r\nTrace ID: 0"}
    azure.script["token"] = [answer(401, body)]
    said = refused()
    assert description in said
    assert fix in said
    assert "Trace ID" not in said


def test_login_without_a_token_in_its_answer(azure: ScriptedSession) -> None:
    azure.script["token"] = [answer(200, "[]")]
    assert "failed: HTTP 200" in refused()


def test_key_that_unwraps_something_else(azure: ScriptedSession) -> None:
    azure.script["unwrapkey"] = [answer(200, {"kid": KEY, "value": "AAAA"})]
    assert f"{KEY} unwrapped something else than it had wrapped" in refused()


@pytest.mark.parametrize(
    ("changes", "said", "fix"),
    [
        (
            {},
            'Error from server (Forbidden): secrets "azure-unseal" is forbidden',
            "needs the right to get it",
        ),
        (
            {"secret_name": "", "secret_key": ""},
            'Error from server (NotFound): serviceaccounts "vault" not found',
            "There has to be a service account 'vault' in namespace 'secrets'",
        ),
    ],
)
def test_no_credential_to_be_had_fails_at_once(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    azure: ScriptedSession,
    changes: Mapping[str, str],
    said: str,
    fix: str,
) -> None:
    calls = tmp_path / "calls"
    only_commands(
        monkeypatch, tmp_path / "commands", kubectl=f"echo x >> '{calls}'; echo '{said}' >&2; exit 1"
    )
    message = refused(60, **changes)
    assert said in message
    assert fix in message
    assert calls.read_text() == "x\n"
    assert azure.sent == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("step", ["token", "get", "wrapkey"])
def test_redirect_takes_neither_secret_nor_token_along(
    azure: ScriptedSession, step: str, status: int
) -> None:
    with redirecting_server(status) as server:
        answer = requests.post(server.address, allow_redirects=False, timeout=5)
        azure.script[step] = [answer] * 2
        assert "redirects (status" in refused(0)
        assert server.arrived == []
    assert not any(options["allow_redirects"] for _, _, options in azure.sent)
