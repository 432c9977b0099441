"""The one-time init against real Vault servers, with a seal of KMS."""

import base64
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.errors import DeploymentError
from components.operator_init import OperatorInitProvider
from components.vault_configuration import awskms_stanza, quote
from tests.integration.key_service import REGION, KeyService, run_key_service
from tests.integration.vault_servers import ACCESS, VaultServers, vault_servers, wait_until


def inputs(**changed: Any) -> dict[str, Any]:
    return {
        "access": ACCESS.to_properties(),
        "seal_type": "awskms",
        "shares": 5,
        "threshold": 3,
        "adopt": False,
        "pod_start_seconds": 30,
        **changed,
    }


@pytest.fixture(autouse=True)
def traceback_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes back what an error of the provider sets for the whole process."""
    monkeypatch.setattr(sys, "tracebacklimit", 1000, raising=False)


@pytest.fixture(scope="module")
def kms() -> Iterator[KeyService]:
    with run_key_service() as service:
        yield service


@pytest.fixture
def servers(
    vault_program: Path, tmp_path: Path, kms: KeyService, monkeypatch: pytest.MonkeyPatch
) -> Iterator[VaultServers]:
    """One Vault that nobody has initialised; every right to the key is back at the end."""
    with vault_servers(
        vault_program,
        tmp_path,
        replicas=1,
        seal=awskms_stanza(REGION, kms.key_id),
        environment=kms.environment,
    ) as cluster:
        monkeypatch.setenv("PATH", str(cluster.commands), prepend=":")
        yield cluster
    kms.denied.clear()


def test_init_over_kms(servers: VaultServers, capfd: pytest.CaptureFixture[str]) -> None:
    before = servers[0].client().sys.read_seal_status()
    assert (before["initialized"], before["type"], before["recovery_seal"]) == (False, "awskms", True)

    outputs = OperatorInitProvider().create(inputs()).outs
    assert outputs is not None

    wait_until("vault-0 is active", 30, servers[0].is_active)
    after = servers[0].client().sys.read_seal_status()
    assert (after["initialized"], after["sealed"], after["n"], after["t"]) == (True, False, 5, 3)
    assert outputs["vault_version"] == after["version"]
    assert outputs["cluster_initialized_here"] is True
    root = servers[0].client(outputs["root_token"])
    assert root.auth.token.lookup_self()["data"]["policies"] == ["root"]
    assert len(set(outputs["recovery_shares"])) == 5
    assert outputs["key_shares"] == []
    new_token = token_by_recovery_shares(servers[0].client(), outputs["recovery_shares"][1:4])
    assert servers[0].client(new_token).auth.token.lookup_self()["data"]["policies"] == ["root"]
    assert not_shown(outputs, "".join(capfd.readouterr()))

    # A second stack, or a second create after a lost state.
    with pytest.raises(DeploymentError, match="is initialised already"):
        OperatorInitProvider().create(inputs())
    adopted = OperatorInitProvider().create(inputs(adopt=True)).outs
    assert adopted is not None
    assert adopted["cluster_initialized_here"] is False
    assert (adopted["root_token"], adopted["recovery_shares"], adopted["key_shares"]) == ("", [], [])
    assert root.auth.token.lookup_self()["data"]["policies"] == ["root"]


def token_by_recovery_shares(client: Any, shares: list[str]) -> str:
    """A new root token, which Vault makes for whoever has enough shares; raises where they are wrong."""
    attempt = client.sys.start_root_token_generation()
    for share in shares:
        progress = client.sys.generate_root(key=share, nonce=attempt["nonce"])
    assert progress["complete"] is True
    encoded = base64.b64decode(progress["encoded_token"] + "==")
    return bytes(left ^ right for left, right in zip(encoded, attempt["otp"].encode(), strict=True)).decode()


def not_shown(outputs: dict[str, Any], text: str) -> bool:
    secrets = [outputs["root_token"], *outputs["recovery_shares"], *outputs["key_shares"]]
    return not [secret for secret in secrets if secret in text]


def test_another_seal_than_configured(servers: VaultServers) -> None:
    with pytest.raises(DeploymentError, match="say seal shamir, but the Vault that answers has seal awskms"):
        OperatorInitProvider().create(inputs(seal_type="shamir"))
    assert servers[0].client().sys.is_initialized() is False


@pytest.mark.usefixtures("servers")
def test_key_that_may_not_be_used(kms: KeyService) -> None:
    kms.denied.add("Encrypt")
    with pytest.raises(DeploymentError) as raised:
        OperatorInitProvider().create(inputs())
    message = str(raised.value)
    assert "Init of Vault on vault-0 failed" in message
    assert "not authorized to perform: kms:Encrypt" in message
    assert "mend the policies of role and key" in message


def test_vault_that_does_not_start_is_shown_with_its_log(
    vault_program: Path, tmp_path: Path, kms: KeyService, monkeypatch: pytest.MonkeyPatch
) -> None:
    kms.denied.add("DescribeKey")
    try:
        with vault_servers(
            vault_program,
            tmp_path,
            replicas=1,
            seal=awskms_stanza(REGION, kms.key_id),
            environment=kms.environment,
        ) as cluster:
            monkeypatch.setenv("PATH", str(cluster.commands), prepend=":")
            with pytest.raises(DeploymentError) as raised:
                OperatorInitProvider().create(inputs(pod_start_seconds=1))
    finally:
        kms.denied.clear()
    message = str(raised.value)
    assert "Vault on vault-0 doesn't answer" in message
    assert "Nothing was initialised." in message
    assert "not authorized to perform: kms:DescribeKey" in message


ODD_TEXTS = (
    'a "quoted" word',
    "back\\slash \\n",
    "two\nlines",
    "${interpolated}",
    "$$ {} %{x} $${y}",
    "π ✓",
    '"}\nui = true',
)


def test_quoted_text_reaches_vault_as_it_was(vault_program: Path, tmp_path: Path) -> None:
    text = " | ".join(ODD_TEXTS)
    with vault_servers(
        vault_program,
        tmp_path,
        replicas=1,
        seal=None,
        more_configuration=f"cluster_name = {quote(text)}\n",
    ) as cluster:
        client = cluster[0].client()
        answer = client.sys.initialize(secret_shares=1, secret_threshold=1)
        client.sys.submit_unseal_key(answer["keys_base64"][0])
        wait_until("vault-0 is active", 30, cluster[0].is_active)
        assert client.sys.read_seal_status()["cluster_name"] == text
