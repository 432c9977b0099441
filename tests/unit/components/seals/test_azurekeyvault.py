"""The seal azurekeyvault: its settings, its stanza and what its pods need."""

from collections.abc import Mapping
from typing import Any

import pytest

from components.seals.azurekeyvault import Seal
from components.seals.seal import PodRequirements, SealStanza, SecretEntry, SecretVariable
from tests.unit.fakes.seal_args import provisioned_seal
from tests.unit.fakes.stack_settings import parse, problems

TENANT = "11111111-2222-3333-4444-555555555555"
CLIENT = "66666666-7777-8888-9999-aaaaaaaaaaaa"
LEAST = {"vaultName": "acme-unseal", "keyName": "unseal", "tenantId": TENANT, "clientId": CLIENT}
WITH_SECRET = {**LEAST, "clientSecret": {"name": "azure-unseal"}}


def configuration(**azure: Any) -> Mapping[str, Any]:
    return {"seal": "azurekeyvault", "kubeContext": "here", "azureKeyVault": azure}


def seal(**azure: Any) -> Seal:
    found = parse(configuration(**azure)).seal
    assert isinstance(found, Seal)
    return found


def test_workload_identity_is_the_default() -> None:
    found = seal(**LEAST)
    assert found == Seal(
        vault_name="acme-unseal",
        key_name="unseal",
        tenant_id=TENANT,
        client_id=CLIENT,
        environment="AZUREPUBLICCLOUD",
        client_secret=None,
    )
    assert found.pod_requirements() == PodRequirements(
        service_account_annotations={
            "azure.workload.identity/client-id": CLIENT,
            "azure.workload.identity/tenant-id": TENANT,
        },
        pod_labels={"azure.workload.identity/use": "true"},
    )


def test_client_secret_comes_from_a_secret_and_is_not_in_the_stanza() -> None:
    found = seal(**WITH_SECRET)
    assert found.client_secret == SecretEntry("azure-unseal", "client-secret")
    assert found.pod_requirements() == PodRequirements(
        secret_environment=(SecretVariable("AZURE_CLIENT_SECRET", "azure-unseal", "client-secret"),)
    )
    assert found.stanza() == SealStanza(
        "azurekeyvault",
        {
            "tenant_id": TENANT,
            "client_id": CLIENT,
            "vault_name": "acme-unseal",
            "key_name": "unseal",
            "environment": "AZUREPUBLICCLOUD",
        },
    )


@pytest.mark.parametrize(
    ("environment", "key_url", "authority"),
    [
        (
            "AZUREUSGOVERNMENTCLOUD",
            "https://acme-unseal.vault.usgovcloudapi.net/keys/unseal",
            "https://login.microsoftonline.us/",
        ),
        (
            "AZURECHINACLOUD",
            "https://acme-unseal.vault.azure.cn/keys/unseal",
            "https://login.chinacloudapi.cn/",
        ),
    ],
)
def test_other_clouds_have_their_own_login(environment: str, key_url: str, authority: str) -> None:
    found = seal(**WITH_SECRET, environment=environment)
    assert found.key_url == key_url
    assert found.stanza().parameters["environment"] == environment
    assert found.pod_requirements().environment == {"AZURE_AUTHORITY_HOST": authority}


@pytest.mark.parametrize(
    ("azure", "problem"),
    [
        (
            {**LEAST, "vaultName": "acme.vault.azure.net"},
            "give the name of the key vault, without its domain",
        ),
        ({**LEAST, "vaultName": "ab"}, 'azureKeyVault.vaultName is "ab"'),
        ({**LEAST, "keyName": "a/b"}, 'azureKeyVault.keyName is "a/b": name a key'),
        ({**LEAST, "tenantId": "contoso"}, 'azureKeyVault.tenantId is "contoso": give its GUID'),
        ({**LEAST, "clientId": "vault"}, 'azureKeyVault.clientId is "vault": give its GUID'),
        ({**LEAST, "environment": "AZUREGERMANCLOUD"}, "use AZUREPUBLICCLOUD or AZUREUSGOVERNMENTCLOUD or"),
        ({**LEAST, "clientSecret": {}}, "azureKeyVault.clientSecret.name is not set: name a Secret"),
        ({**LEAST, "clientSecrets": {}}, "there is no such setting; did you mean clientSecret?"),
    ],
)
def test_wrong_settings(azure: Mapping[str, Any], problem: str) -> None:
    found = problems(configuration(**azure))
    assert len(found) == 1
    assert problem in found[0]


@pytest.mark.parametrize(
    ("azure", "secret"), [(LEAST, ("", "")), (WITH_SECRET, ("azure-unseal", "client-secret"))]
)
def test_preflight_knows_identity_and_key(azure: Mapping[str, Any], secret: tuple[str, str]) -> None:
    settings = parse({**configuration(**azure), "serviceAccount": "unsealer"})
    # It builds on nothing.
    provisioned = provisioned_seal(settings)
    assert provisioned.key == "https://acme-unseal.vault.azure.net/keys/unseal"
    assert provisioned.preflight == {
        "seal": "azurekeyvault",
        "key_url": "https://acme-unseal.vault.azure.net/keys/unseal",
        "tenant_id": TENANT,
        "client_id": CLIENT,
        "authority": "login.microsoftonline.com",
        "service_account": "unsealer",
        "secret_name": secret[0],
        "secret_key": secret[1],
    }
    assert provisioned.prerequisites == ()
