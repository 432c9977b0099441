"""The one-time init against real Vault servers, with a seal of KMS."""

import base64
import json
import secrets
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.custody.key_record import KeyRecord
from components.errors import DeploymentError
from components.operator_init import OperatorInitProvider
from components.seals import awskms
from components.vault.configuration import quote
from tests.integration.key_service import REGION, KeyService
from tests.integration.program_inputs import init_inputs, journal
from tests.integration.vault_servers import VaultServers, vault_servers, wait_until
from tests.unit.fakes.init_inputs import CIPHER


@pytest.fixture(autouse=True)
def pulumi_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The journal's place on this machine."""
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))


@pytest.fixture
def servers(
    vault_program: Path, tmp_path: Path, kms: KeyService, monkeypatch: pytest.MonkeyPatch
) -> Iterator[VaultServers]:
    """One Vault that nobody has initialised; every right to the key is back at the end."""
    with vault_servers(
        vault_program,
        tmp_path,
        replicas=1,
        seal=awskms.stanza(REGION, kms.key_id),
        environment=kms.environment,
    ) as cluster:
        monkeypatch.setenv("PATH", str(cluster.commands), prepend=":")
        yield cluster
    kms.denied.clear()


def test_init_over_kms(servers: VaultServers, capfd: pytest.CaptureFixture[str]) -> None:
    before = servers[0].client().sys.read_seal_status()
    assert (before["initialized"], before["type"], before["recovery_seal"]) == (False, "awskms", True)

    outputs = OperatorInitProvider().create(init_inputs()).outs
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

    # The engine may have died before it saved the state: then the next run finds the keys.
    found = OperatorInitProvider().create(init_inputs()).outs
    assert found == outputs
    # A second stack, or one that had lost its state for good.
    journal().finish(outputs["keys_fingerprint"])
    with pytest.raises(DeploymentError, match="is initialised already"):
        OperatorInitProvider().create(init_inputs())
    adopted = OperatorInitProvider().create(init_inputs(adopt=True)).outs
    assert adopted is not None
    assert adopted["cluster_initialized_here"] is False
    assert (adopted["root_token"], adopted["recovery_shares"], adopted["key_shares"]) == ("", [], [])
    assert root.auth.token.lookup_self()["data"]["policies"] == ["root"]


def in_file(path: Path) -> dict[str, Any]:
    return {"custody": {"store": "file", "options": {"path": str(path)}}}


def test_keys_in_a_file(servers: VaultServers, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "keys" / "vault"
    outputs = OperatorInitProvider().create(init_inputs(**in_file(path))).outs
    assert outputs is not None
    record = KeyRecord.from_json(path.read_text())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (record.deployment, record.fingerprint) == (outputs["deployment"], outputs["keys_fingerprint"])
    assert record.cluster_id == servers[0].client().sys.read_seal_status()["cluster_id"]
    assert journal().find() is None
    text = f"{outputs}{capfd.readouterr()}"
    assert not [secret for secret in (record.root_token, *record.recovery_shares) if secret in text]

    # The state is lost.
    again = OperatorInitProvider().create(init_inputs(**in_file(path))).outs
    assert again == outputs
    # Somebody else's keys are never given out for this Vault's.
    path.write_text(replace(record, recovery_shares=[share_of_nobody() for _ in range(5)]).to_json())
    with pytest.raises(DeploymentError, match="aren't those of the Vault that answers"):
        OperatorInitProvider().create(init_inputs(**in_file(path)))
    path.write_text(record.to_json())

    changed = init_inputs(**in_file(path), shares=4, threshold=2)
    after = OperatorInitProvider().update("id", outputs, changed).outs
    assert after is not None
    new = KeyRecord.from_json(path.read_text())
    assert (len(new.recovery_shares), new.threshold, new.root_token) == (4, 2, record.root_token)
    assert after["keys_fingerprint"] == new.fingerprint != record.fingerprint
    status = servers[0].client().sys.read_seal_status()
    assert (status["n"], status["t"]) == (4, 2)
    assert token_by_recovery_shares(servers[0].client(), list(new.recovery_shares[2:]))
    # RaftQuorum ends the journal, once the state has the fingerprint.
    left = journal().find()
    assert left is not None
    assert left.fingerprint == new.fingerprint
    assert OperatorInitProvider().diff("id", after, changed).changes is False


def share_of_nobody() -> str:
    """As long as a share of Vault's."""
    return base64.b64encode(secrets.token_bytes(33)).decode()


def test_new_shares_in_the_state(servers: VaultServers) -> None:
    outputs = OperatorInitProvider().create(init_inputs()).outs
    assert outputs is not None
    wait_until("vault-0 is active", 30, servers[0].is_active)
    after = OperatorInitProvider().update("id", outputs, init_inputs(shares=3, threshold=2)).outs
    assert after is not None
    assert len(set(after["recovery_shares"]) - set(outputs["recovery_shares"])) == 3
    assert after["root_token"] == outputs["root_token"]
    # Until the engine has saved them.
    assert list(journal().recover(CIPHER).recovery_shares) == after["recovery_shares"]
    assert token_by_recovery_shares(servers[0].client(), after["recovery_shares"][1:])

    # The engine was killed before it saved them: the next run comes with the old state.
    again = OperatorInitProvider().update("id", outputs, init_inputs(shares=3, threshold=2)).outs
    assert again == after


def test_adopted_with_its_keys(servers: VaultServers, tmp_path: Path) -> None:
    answer = servers[0].client().sys.initialize(recovery_shares=3, recovery_threshold=2)
    wait_until("vault-0 is active", 30, servers[0].is_active)
    keys = {
        "recovery_keys_b64": answer["recovery_keys_base64"],
        "recovery_keys_threshold": 2,
        "root_token": answer["root_token"],
    }
    file = tmp_path / "init.json"
    file.write_text(json.dumps(keys))
    changed = {"adopt": True, "adopted_keys_file": str(file), "shares": 3, "threshold": 2}
    outputs = OperatorInitProvider().create(init_inputs(**changed)).outs
    assert outputs is not None
    assert outputs["cluster_initialized_here"] is False
    assert outputs["root_token"] == answer["root_token"]
    assert outputs["recovery_shares"] == answer["recovery_keys_base64"]

    file.write_text(json.dumps({**keys, "recovery_keys_b64": [share_of_nobody() for _ in range(3)]}))
    journal().finish(outputs["keys_fingerprint"])
    with pytest.raises(DeploymentError, match=r"init\.json aren't those of the Vault that answers"):
        OperatorInitProvider().create(init_inputs(**changed))


def token_by_recovery_shares(client: Any, shares: list[str]) -> str:
    """A new root token, which Vault makes for whoever has enough shares; raises where they are wrong."""
    attempt = client.sys.start_root_token_generation()
    for share in shares:
        progress = client.sys.generate_root(key=share, nonce=attempt["nonce"])
    assert progress["complete"] is True
    encoded = base64.b64decode(progress["encoded_token"] + "==")
    return bytes(left ^ right for left, right in zip(encoded, attempt["otp"].encode(), strict=True)).decode()


def not_shown(outputs: dict[str, Any], text: str) -> bool:
    keys = [outputs["root_token"], *outputs["recovery_shares"], *outputs["key_shares"]]
    return not [key for key in keys if key in text]


def test_another_seal_than_configured(servers: VaultServers) -> None:
    with pytest.raises(DeploymentError, match="say seal shamir, but the Vault that answers has seal awskms"):
        OperatorInitProvider().create(init_inputs(seal_type="shamir"))
    assert servers[0].client().sys.is_initialized() is False


@pytest.mark.usefixtures("servers")
def test_key_that_may_not_be_used(kms: KeyService) -> None:
    kms.denied.add("Encrypt")
    with pytest.raises(DeploymentError) as raised:
        OperatorInitProvider().create(init_inputs())
    message = str(raised.value)
    assert "Init of Vault on vault-0 failed" in message
    assert "not authorized to perform: kms:Encrypt" in message
    assert "fix the policies of role and key" in message


def test_vault_that_does_not_start_is_shown_with_its_log(
    vault_program: Path, tmp_path: Path, kms: KeyService, monkeypatch: pytest.MonkeyPatch
) -> None:
    kms.denied.add("DescribeKey")
    try:
        with vault_servers(
            vault_program,
            tmp_path,
            replicas=1,
            seal=awskms.stanza(REGION, kms.key_id),
            environment=kms.environment,
        ) as cluster:
            monkeypatch.setenv("PATH", str(cluster.commands), prepend=":")
            with pytest.raises(DeploymentError) as raised:
                OperatorInitProvider().create(init_inputs(pod_start_seconds=1))
    finally:
        kms.denied.clear()
    message = str(raised.value)
    assert "Vault on vault-0 doesn't answer" in message
    assert "This run has initialised nothing." in message
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
