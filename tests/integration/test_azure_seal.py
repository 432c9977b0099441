"""The seal azurekeyvault against Azure's stand-in: what a real Vault makes of it, and its preflight."""

import base64
import dataclasses
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from components.azure.preflight import prove_seal
from components.errors import DeploymentError
from components.journal.encryption import JournalError, SealKeyCipher
from components.kubernetes.kubectl import KubernetesTarget
from components.seals.azurekeyvault import Seal
from components.seals.seal import SecretEntry
from components.vault.client import VaultClient
from tests.integration.azure_services import (
    CLIENT,
    CLIENT_SECRET,
    FEDERATED_TOKEN,
    KEY_NAME,
    LOGIN,
    TENANT,
    VAULT_HOST,
    VAULT_NAME,
    AzureServices,
    run_azure_services,
)
from tests.integration.vault_servers import VaultServers, vault_servers, wait_until
from tests.unit.fakes.commands_on_path import only_commands
from tests.unit.fakes.init_inputs import CIPHER
from tests.unit.fakes.refusing_proxy import run_refusing_proxy

DEPLOYMENT = "cluster-uid/vault/vault"
WITH_SECRET = Seal(
    vault_name=VAULT_NAME,
    key_name=KEY_NAME,
    tenant_id=TENANT,
    client_id=CLIENT,
    environment="AZUREPUBLICCLOUD",
    client_secret=SecretEntry("azure-unseal", "client-secret"),
)
WITH_IDENTITY = dataclasses.replace(WITH_SECRET, client_secret=None)


@pytest.fixture
def azure(tmp_path: Path) -> Iterator[AzureServices]:
    with run_azure_services(tmp_path / "azure") as services:
        yield services


def credential(seal: Seal, folder: Path) -> Mapping[str, str]:
    """What the pod's environment has: the Secret's entry, or what the workload identity webhook adds."""
    needs = seal.pod_requirements()
    if needs.secret_environment:
        return {variable.name: CLIENT_SECRET for variable in needs.secret_environment}
    token = folder / "azure-identity-token"
    token.write_text(FEDERATED_TOKEN)
    return {
        "AZURE_CLIENT_ID": str(needs.service_account_annotations["azure.workload.identity/client-id"]),
        "AZURE_TENANT_ID": str(needs.service_account_annotations["azure.workload.identity/tenant-id"]),
        "AZURE_FEDERATED_TOKEN_FILE": str(token),
        "AZURE_AUTHORITY_HOST": f"https://{LOGIN}/",
    }


# Vault itself


def unwrapped_with(azure: AzureServices, servers: VaultServers) -> str:
    """Starts the server, and returns the key's version that it unsealed with."""
    azure.calls.clear()
    servers.start()
    wait_until("vault-0 is active again", 30, servers[0].is_active)
    first = next(call for call in azure.calls if call.endswith("/unwrapkey"))
    return first.split("/")[-2]


@pytest.mark.parametrize("seal", [WITH_SECRET, WITH_IDENTITY], ids=["client-secret", "workload-identity"])
def test_vault_unseals_itself_after_a_restart(
    vault_program: Path, tmp_path: Path, azure: AzureServices, seal: Seal
) -> None:
    environment = {**azure.environment, **credential(seal, tmp_path)}
    with vault_servers(
        vault_program, tmp_path, replicas=1, seal=seal.stanza(), environment=environment
    ) as servers:
        client = VaultClient(servers[0].address)
        assert client.seal_status().seal_type == "azurekeyvault"
        client.initialize(shares=5, threshold=3, recovery=True)
        wait_until("vault-0 is active", 30, servers[0].is_active)
        servers.kill()
        # Rotated meanwhile: it unseals with the version that had wrapped, and wraps with the new one.
        azure.version = "0002"
        assert unwrapped_with(azure, servers) == "0001"
        servers.kill()
        assert unwrapped_with(azure, servers) == "0002"
    assert set(azure.asked) == {f"{VAULT_HOST}:443", f"{LOGIN}:443"}


@pytest.mark.parametrize(
    ("environment", "host"),
    [
        ("AZUREPUBLICCLOUD", f"{VAULT_NAME}.vault.azure.net:443"),
        ("AZUREUSGOVERNMENTCLOUD", f"{VAULT_NAME}.vault.usgovcloudapi.net:443"),
        ("AZURECHINACLOUD", f"{VAULT_NAME}.vault.azure.cn:443"),
    ],
)
def test_vault_asks_the_key_vault_of_its_cloud(
    vault_program: Path, tmp_path: Path, environment: str, host: str
) -> None:
    seal = dataclasses.replace(WITH_SECRET, environment=environment)
    with run_refusing_proxy() as proxy:
        variables = {
            **credential(seal, tmp_path),
            **seal.pod_requirements().environment,
            "HTTPS_PROXY": proxy.url,
        }
        with vault_servers(
            vault_program, tmp_path, replicas=1, seal=seal.stanza(), environment=variables
        ) as servers:
            log = servers[0].log.read_text()
        assert set(proxy.asked) == {host}
    assert "error fetching Azure Key Vault wrapper key information" in log
    assert seal.key_url.split("/")[2] in log


# The preflight


@pytest.fixture
def pods(azure: AzureServices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kubectl with the Secret and tokens; leads this process to the stand-in. Returns kubectl's log."""
    secret = {"data": {"client-secret": base64.b64encode(CLIENT_SECRET.encode()).decode()}}
    token = {"status": {"token": FEDERATED_TOKEN}}
    answers = tmp_path / "answers"
    answers.mkdir()
    (answers / "secret").write_text(json.dumps(secret))
    (answers / "token").write_text(json.dumps(token))
    log = tmp_path / "calls"
    script = f"""
        printf '%s\\n' "$*" >> '{log}'
        case " $* " in
        *" get secret azure-unseal "*) exec /bin/cat '{answers}/secret';;
        *"/serviceaccounts/vault/token "*) /bin/cat >> '{log}'; exec /bin/cat '{answers}/token';;
        *) exit 1;;
        esac"""
    only_commands(monkeypatch, tmp_path / "commands", kubectl=script)
    monkeypatch.setenv("HTTPS_PROXY", azure.proxy)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(azure.certificate))
    return log


def prove(seal: Seal = WITH_SECRET, seconds: float = 0) -> SealKeyCipher:
    secret = seal.client_secret
    properties = {
        "key_url": seal.key_url,
        "tenant_id": seal.tenant_id,
        "client_id": seal.client_id,
        "authority": seal.cloud_of_azure.authority,
        "service_account": "vault",
        "secret_name": secret.name if secret else "",
        "secret_key": secret.key if secret else "",
    }
    key = prove_seal(properties, KubernetesTarget(kubeconfig="", context="here", namespace="vault"), seconds)
    return SealKeyCipher(key, CIPHER)


def refused(seal: Seal = WITH_SECRET, seconds: float = 0) -> str:
    with pytest.raises(DeploymentError) as raised:
        prove(seal, seconds)
    said = str(raised.value)
    assert CLIENT_SECRET not in said
    assert FEDERATED_TOKEN not in said
    assert f"as Vault's identity {CLIENT} didn't succeed; this run has initialised nothing" in said
    return said


@pytest.mark.parametrize("seal", [WITH_SECRET, WITH_IDENTITY], ids=["client-secret", "workload-identity"])
def test_preflight_takes_the_steps_of_vault(azure: AzureServices, pods: Path, seal: Seal) -> None:
    prove(seal)
    assert azure.calls == [
        f"POST {LOGIN}/{TENANT}/oauth2/v2.0/token",
        f"GET {VAULT_HOST}/keys/{KEY_NAME}",
        f"POST {VAULT_HOST}/keys/{KEY_NAME}/wrapkey",
        f"POST {VAULT_HOST}/keys/{KEY_NAME}/0001/unwrapkey",
    ]
    assert ("api://AzureADTokenExchange" in pods.read_text()) == (seal is WITH_IDENTITY)
    assert CLIENT_SECRET not in pods.read_text()


@pytest.mark.usefixtures("pods")
def test_journal_key_outlives_a_rotation(azure: AzureServices) -> None:
    cipher = prove()
    key = cipher.prepare(DEPLOYMENT)
    assert (key.header["cipher"], key.header["key_version"]) == ("azure-key-vault", "0001")
    azure.version = "0002"
    assert prove().open(key.header, DEPLOYMENT).decrypt(key.encrypt(b"shares")) == b"shares"
    with pytest.raises(JournalError, match="and the seal's key is"):
        cipher.open({**key.header, "key_url": "https://other.vault.azure.net/keys/x"}, DEPLOYMENT)


@pytest.mark.usefixtures("pods")
@pytest.mark.parametrize(
    ("right", "step", "action"),
    [
        ("get", "get", "read"),
        ("wrapkey", "wrapKey", "wrap/action"),
        ("unwrapkey", "unwrapKey", "unwrap/action"),
    ],
)
def test_missing_right_in_azures_words(azure: AzureServices, right: str, step: str, action: str) -> None:
    azure.rights.remove(right)
    said = refused()
    assert f"{step} of {WITH_SECRET.key_url} failed: ForbiddenByRbac: Caller is not authorized" in said
    assert f"Microsoft.KeyVault/vaults/keys/{action}" in said
    assert "the role 'Key Vault Crypto Service Encryption User'" in said


@pytest.mark.usefixtures("pods")
@pytest.mark.parametrize(
    ("seal", "words", "fix"),
    [
        (
            dataclasses.replace(WITH_SECRET, key_name="other"),
            "KeyNotFound: A key with (name/id) other",
            "Check keyName",
        ),
        (
            dataclasses.replace(WITH_SECRET, client_secret=SecretEntry("azure-unseal", "wrong")),
            "Reading Secret azure-unseal failed: it isn't there",
            "with the client secret as 'wrong'",
        ),
    ],
)
def test_wrong_name_fails_at_once(seal: Seal, words: str, fix: str) -> None:
    said = refused(seal, seconds=60)
    assert words in said
    assert fix in said


@pytest.mark.usefixtures("pods")
def test_wrong_client_secret_fails_at_once(tmp_path: Path) -> None:
    secret = {"data": {"client-secret": base64.b64encode(b"another").decode()}}
    (tmp_path / "answers" / "secret").write_text(json.dumps(secret))
    said = refused(seconds=60)
    assert "AADSTS7000215: Invalid client secret provided." in said
    assert "Trace ID" not in said
    assert "has to have the client secret's value, not its id" in said


@pytest.mark.usefixtures("pods")
def test_client_secret_with_a_line_break_that_vault_would_send_too(tmp_path: Path) -> None:
    secret = {"data": {"client-secret": base64.b64encode(f"{CLIENT_SECRET}\n".encode()).decode()}}
    (tmp_path / "answers" / "secret").write_text(json.dumps(secret))
    assert "its value begins or ends with a blank or a line break" in refused(seconds=60)


@pytest.mark.usefixtures("pods")
def test_service_account_that_azure_does_not_know(tmp_path: Path) -> None:
    (tmp_path / "answers" / "token").write_text(json.dumps({"status": {"token": "another"}}))
    said = refused(WITH_IDENTITY)
    assert "AADSTS700213: No matching federated identity record found." in said
    assert "audience api://AzureADTokenExchange and subject system:serviceaccount:vault:vault" in said


@pytest.mark.usefixtures("pods")
def test_busy_azure_is_waited_for(azure: AzureServices) -> None:
    azure.busy = 1
    prove(seconds=60)
    assert azure.calls.count(f"GET {VAULT_HOST}/keys/{KEY_NAME}") == 2


@pytest.mark.usefixtures("pods", "azure")
def test_key_vault_of_another_name_is_not_reached() -> None:
    said = refused(dataclasses.replace(WITH_SECRET, vault_name="another"))
    assert "another.vault.azure.net can't be reached" in said
    assert "Check that this machine reaches https://another.vault.azure.net" in said
