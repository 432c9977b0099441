"""The stand-in of the provider plugin `vault`: how it logs in, and what it refuses.

What it asks of Vault is tried with a real one in tests/integration/test_configure_example.py.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.certificates import CertificateAuthority
from sandbox.plugins.property_values import PropertyMap
from sandbox.plugins.provider import ProviderError, Resource
from sandbox.plugins.vault.api import Vault
from sandbox.plugins.vault.provider import VaultProvider
from tests.unit.fakes.scripted_vault import LOOKUP_SELF, Answer, ScriptedVault, error, serve_scripted_vault

CREATE = "POST /v1/auth/token/create"
POLICY = "GET /v1/sys/policies/acl/shop"
CHILD = Answer({"auth": {"client_token": "child"}})


@pytest.fixture
def vault() -> Iterator[ScriptedVault]:
    with serve_scripted_vault() as scripted:
        yield scripted


def leads_to(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_ADDR", address)
    monkeypatch.setenv("VAULT_TOKEN", "parent")


def test_a_child_of_the_token_is_used(vault: ScriptedVault, monkeypatch: pytest.MonkeyPatch) -> None:
    leads_to(vault.address, monkeypatch)
    vault.answers(LOOKUP_SELF, Answer({"data": {}}))
    vault.answers(CREATE, CHILD)
    vault.answers(POLICY, Answer({"data": {"policy": "rules"}}), error(404))
    asked = Vault()
    assert asked.read("sys/policies/acl/shop") == {"policy": "rules"}
    assert asked.read("sys/policies/acl/shop") is None
    (created,) = vault.asked(CREATE)
    assert (created.token, created.body["explicit_max_ttl"]) == ("parent", "1200s")
    assert [request.token for request in vault.asked(POLICY)] == ["child", "child"]


def test_child_can_be_left_out(vault: ScriptedVault, monkeypatch: pytest.MonkeyPatch) -> None:
    leads_to(vault.address, monkeypatch)
    vault.answers(LOOKUP_SELF, Answer({"data": {}}))
    vault.answers(POLICY, Answer({"data": {"policy": "rules"}}))
    Vault(skip_child_token=True).read("sys/policies/acl/shop")
    assert [request.token for request in vault.asked(POLICY)] == ["parent"]


def test_tunnel_is_verified_by_the_given_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    authority = CertificateAuthority.load_or_create(tmp_path, "ca")
    with serve_scripted_vault(authority, ["vault-active"]) as vault:
        leads_to(vault.address, monkeypatch)
        monkeypatch.setenv("VAULT_CACERT", str(authority.certificate))
        vault.answers(LOOKUP_SELF, error(403, "permission denied"))
        with pytest.raises(ProviderError, match="can't be reached"):
            Vault().read("sys/mounts")
        monkeypatch.setenv("VAULT_TLS_SERVER_NAME", "vault-active")
        with pytest.raises(ProviderError, match=r"403.*permission denied"):
            Vault().read("sys/mounts")


@pytest.mark.parametrize(
    ("missing", "message"), [("VAULT_TOKEN", "no vault token"), ("VAULT_ADDR", "Vault address")]
)
def test_what_is_missing(monkeypatch: pytest.MonkeyPatch, missing: str, message: str) -> None:
    leads_to("http://127.0.0.1:1", monkeypatch)
    monkeypatch.delenv(missing)
    with pytest.raises(ProviderError, match=message):
        Vault().read("sys/mounts")


def test_what_is_not_implemented_is_refused() -> None:
    provider = VaultProvider()
    assert provider.resource_type("vault:index/audit:Audit") is None
    assert [failure.property_path for failure in provider.check_configuration({"address": "x"})] == [
        "address"
    ]
    mount = provider.resource_type("vault:index/mount:Mount")
    assert mount is not None
    inputs: PropertyMap = {"path": "secret", "type": "kv", "sealWrap": True}
    checked = mount.check(Resource("urn::secrets"), {}, inputs)
    assert [failure.property_path for failure in checked.failures] == ["sealWrap"]
