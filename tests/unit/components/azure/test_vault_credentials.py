"""The proof of identity that Azure gets: the client secret, or a token of the service account."""

import base64
from dataclasses import replace

import pytest

from components.azure.vault_credentials import AzureCallError, AzureIdentity
from components.kubernetes.kubectl import Kubectl
from tests.unit.fakes.kubectl_answers import TARGET, KubectlAnswers, provide_answers

WITH_SECRET = AzureIdentity(
    kubectl=Kubectl(TARGET),
    namespace="secrets",
    tenant_id="tenant",
    client_id="client",
    authority="login.microsoftonline.com",
    service_account="vault",
    secret_name="azure",
    secret_key="password",
)
FEDERATED = replace(WITH_SECRET, secret_name="")


@pytest.fixture(autouse=True)
def kubectl(monkeypatch: pytest.MonkeyPatch) -> KubectlAnswers:
    return provide_answers(monkeypatch)


def refused(identity: AzureIdentity) -> AzureCallError:
    with pytest.raises(AzureCallError) as raised:
        identity.credential()
    return raised.value


def stored(kubectl: KubectlAnswers, value: str) -> None:
    kubectl.objects["secret", "azure"] = {"data": {"password": base64.b64encode(value.encode()).decode()}}


def test_client_secret(kubectl: KubectlAnswers) -> None:
    stored(kubectl, "hush")
    assert WITH_SECRET.credential() == {"client_secret": "hush"}
    assert kubectl.asked == [("get", "secret", "azure")]


@pytest.mark.parametrize("value", ["hush\n", " hush"])
def test_client_secret_with_a_blank_is_refused(kubectl: KubectlAnswers, value: str) -> None:
    stored(kubectl, value)
    error = refused(WITH_SECRET)
    assert "begins or ends with a blank" in str(error)
    assert "hush" not in str(error)
    assert not error.settling


def test_client_secret_that_is_missing_is_waited_for_only_with_its_secret(kubectl: KubectlAnswers) -> None:
    assert refused(WITH_SECRET).settling
    kubectl.objects["secret", "azure"] = {"data": {"other": "eA=="}}
    assert not refused(WITH_SECRET).settling
    kubectl.objects["secret", "azure"] = {}
    assert "it isn't there" in str(refused(WITH_SECRET))


@pytest.mark.parametrize("identity", [WITH_SECRET, FEDERATED])
def test_right_that_is_missing_is_not_waited_for(kubectl: KubectlAnswers, identity: AzureIdentity) -> None:
    kubectl.refusal = "Error from server (Forbidden): no"
    error = refused(identity)
    assert not error.settling
    assert "whoever runs pulumi up needs the right" in str(error)
    kubectl.refusal = "Unable to connect to the server"
    assert refused(identity).settling


def test_token_of_the_service_account(kubectl: KubectlAnswers) -> None:
    assert FEDERATED.credential() == {
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": "the.pods.token",
    }
    assert kubectl.asked == [("token", "vault", "api://AzureADTokenExchange", "600")]
    kubectl.refusal = "Error from server (NotFound): no"
    assert not refused(FEDERATED).settling


def test_what_azure_needs_to_know() -> None:
    assert FEDERATED.token_url == "https://login.microsoftonline.com/tenant/oauth2/v2.0/token"
    assert "subject system:serviceaccount:secrets:vault" in FEDERATED.federation
