"""What pods and agents need for TLS."""

from typing import Any

import pytest

from components.seals.seal import PodRequirements, SecretMount
from components.vault.tls_values import (
    agent_environment,
    certificate_secret,
    pod_address,
    server_names,
    server_tls,
    with_certificate,
)
from tests.unit.fakes.stack_settings import SHAMIR, parse

TLS = {**SHAMIR, "tls": {"source": "secret", "extraNames": ["vault.example.com"]}}
TRANSIT: dict[str, Any] = {"address": "https://vault.example.com", "key": "autounseal"}


def test_nothing_without_tls() -> None:
    plain, pods = parse({**SHAMIR, "tls": {"source": "none"}}), PodRequirements(environment={"A": "b"})
    assert with_certificate(pods, plain, "vault") is pods
    assert server_tls(plain, "vault") is None
    assert pod_address(plain, "vault") is None
    assert agent_environment(None) == {}


def test_names_follow_from_the_settings() -> None:
    names = server_names(parse({**TLS, "namespace": "secrets", "replicas": 5}), "blue-vault")
    assert names.verified == "blue-vault-active.secrets.svc"
    assert "blue-vault-4.blue-vault-internal.secrets.svc" in names.needed
    assert names.needed[-1] == "vault.example.com"
    alone = server_names(parse({**TLS, "mode": "standalone", "injector": {"enabled": False}}), "vault")
    assert [*alone.needed] == ["vault.vault.svc", "vault.example.com"]


def test_secret_is_named_after_the_release_unless_set() -> None:
    assert certificate_secret(parse(TLS), "blue-vault") == "blue-vault-server-tls"
    named = parse({**SHAMIR, "tls": {"source": "secret", "secret": "given"}})
    assert certificate_secret(named, "blue-vault") == "given"


def test_pods_have_the_certificate_beside_what_the_seal_needs() -> None:
    of_seal = SecretMount("credentials", "kms", "/vault/kms")
    pods = PodRequirements(environment={"A": "b"}, secret_mounts=(of_seal,), pod_labels={"c": "d"})
    found = with_certificate(pods, parse(TLS), "vault")
    assert found.environment == {"A": "b", "VAULT_CACERT": "/vault/tls/ca.crt"}
    assert found.secret_mounts == (of_seal, SecretMount("server-tls", "vault-server-tls", "/vault/tls"))
    assert found.pod_labels == {"c": "d"}


@pytest.mark.parametrize(
    ("transit", "trusted"),
    [
        (TRANSIT, False),
        ({**TRANSIT, "tls": {"caSecret": {"name": "ca"}}}, True),
        ({**TRANSIT, "tls": {"serverName": "vault"}}, True),
        ({**TRANSIT, "address": "http://vault.example.com"}, True),
    ],
)
def test_seal_that_trusts_by_environment_is_left_alone(transit: Any, trusted: bool) -> None:
    """With VAULT_CACERT it would trust this Vault's authority only, and couldn't unseal."""
    settings = parse({**TLS, "seal": "transit", "transit": transit})
    found = with_certificate(PodRequirements(), settings, "vault")
    assert ("VAULT_CACERT" in found.environment) is trusted
    migrating = parse({**TLS, "migrateFrom": {"seal": "transit", "transit": transit}})
    found = with_certificate(PodRequirements(), migrating, "vault")
    assert ("VAULT_CACERT" in found.environment) is trusted


def test_configuration_names_files_and_the_active_service() -> None:
    found = server_tls(parse(TLS), "vault")
    assert found is not None
    assert (found.certificate_file, found.key_file) == ("/vault/tls/tls.crt", "/vault/tls/tls.key")
    assert (found.authority_file, found.name) == ("/vault/tls/ca.crt", "vault-active.vault.svc")


def test_address_of_a_pod_is_one_of_the_certificates_names() -> None:
    address = pod_address(parse(TLS), "vault")
    assert address == "https://$(VAULT_K8S_POD_NAME).vault-internal.vault.svc:8200"
    assert pod_address(parse({**TLS, "mode": "standalone"}), "vault") is None


def test_agents_verify_by_the_authority() -> None:
    assert agent_environment("PEM") == {"AGENT_INJECT_VAULT_CACERT_BYTES": "PEM"}
