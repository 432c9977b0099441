"""The seal transit: its settings, its stanza and what its pods need."""

from collections.abc import Mapping
from typing import Any

import pytest

from components.seals.seal import PodRequirements, SealStanza, SecretEntry, SecretMount, SecretVariable
from components.seals.transit import Seal
from tests.unit.fakes.seal_args import provisioned_seal
from tests.unit.fakes.stack_settings import parse, problems

LEAST = {"address": "https://vault.example.com:8200", "key": "autounseal"}
ALL = {
    "address": "https://vault.example.com:8200",
    "key": "unseal.prod-1",
    "mount": "seals/transit/",
    "namespace": "team/prod/",
    "tokenSecret": {"name": "other-vault", "key": "unseal-token"},
    "tls": {"caSecret": {"name": "other-vault-ca", "key": "bundle.pem"}, "serverName": "vault.internal"},
}


def configuration(**transit: Any) -> Mapping[str, Any]:
    return {"seal": "transit", "kubeContext": "here", "transit": transit}


def seal(**transit: Any) -> Seal:
    found = parse(configuration(**transit)).seal
    assert isinstance(found, Seal)
    return found


def test_defaults() -> None:
    assert seal(**LEAST) == Seal(
        address="https://vault.example.com:8200",
        key_name="autounseal",
        mount="transit",
        namespace="",
        token=SecretEntry("vault-transit-token", "token"),
        ca=None,
        server_name="",
    )


def test_every_setting() -> None:
    assert seal(**ALL) == Seal(
        address="https://vault.example.com:8200",
        key_name="unseal.prod-1",
        mount="seals/transit",
        namespace="team/prod",
        token=SecretEntry("other-vault", "unseal-token"),
        ca=SecretEntry("other-vault-ca", "bundle.pem"),
        server_name="vault.internal",
    )


@pytest.mark.parametrize(
    ("transit", "problem"),
    [
        ({"key": "k"}, "transit.address is not set: give the URL of the other Vault"),
        ({**LEAST, "address": "vault.example.com"}, 'transit.address is "vault.example.com": give the URL'),
        (
            {**LEAST, "address": "https://vault.example.com/v1"},
            "give the URL of the other Vault without a path",
        ),
        ({**LEAST, "key": "a/b"}, 'transit.key is "a/b": name a key'),
        ({**LEAST, "mount": "/transit"}, 'transit.mount is "/transit": give the path'),
        ({**LEAST, "token": "hvs.x"}, "there is no such setting; did you mean tokenSecret?"),
        (
            {**LEAST, "tokenSecret": {"naem": "x"}},
            'transit.tokenSecret.naem is "x": there is no such setting',
        ),
        ({**LEAST, "tls": {"caSecret": {"key": "x"}}}, "transit.tls.caSecret.name is not set: name a Secret"),
        ({**LEAST, "tls": {"caSecert": {"name": "ca"}}}, "did you mean caSecret?"),
        ({**LEAST, "tls": {"skipVerify": True}}, "transit.tls.skipVerify is true: there is no such setting"),
        (
            {"address": "http://vault:8200", "key": "k", "tls": {"serverName": "vault"}},
            "the address begins with http://, so nothing would read it",
        ),
    ],
)
def test_wrong_settings(transit: Mapping[str, Any], problem: str) -> None:
    found = problems(configuration(**transit))
    assert len(found) == 1
    assert problem in found[0]


def test_least_stanza_and_pods() -> None:
    assert seal(**LEAST).stanza() == SealStanza(
        "transit",
        {"address": "https://vault.example.com:8200", "mount_path": "transit", "key_name": "autounseal"},
    )
    assert seal(**LEAST).pod_requirements() == PodRequirements(
        secret_environment=(SecretVariable("VAULT_TOKEN", "vault-transit-token", "token"),)
    )


def test_stanza_and_pods_with_every_setting() -> None:
    assert seal(**ALL).stanza().parameters == {
        "address": "https://vault.example.com:8200",
        "mount_path": "seals/transit",
        "key_name": "unseal.prod-1",
        "namespace": "team/prod",
        "tls_ca_cert": "/vault/transit-tls/bundle.pem",
        "tls_server_name": "vault.internal",
    }
    assert seal(**ALL).pod_requirements() == PodRequirements(
        secret_environment=(SecretVariable("VAULT_TOKEN", "other-vault", "unseal-token"),),
        secret_mounts=(SecretMount("transit-tls", "other-vault-ca", "/vault/transit-tls"),),
    )


def test_preflight_knows_the_pod_and_the_key() -> None:
    settings = parse({**configuration(**ALL), "releaseName": "prod"})
    # It builds on nothing.
    provisioned = provisioned_seal(settings)
    assert provisioned.key == "https://vault.example.com:8200/v1/seals/transit/keys/unseal.prod-1"
    assert provisioned.preflight == {
        "seal": "transit",
        "pod": "prod-vault-0",
        "pod_start_seconds": "300",
        "token_secret": "other-vault",
        "token_key": "unseal-token",
        "address": "https://vault.example.com:8200",
        "mount": "seals/transit",
        "key_name": "unseal.prod-1",
        "namespace": "team/prod",
        "ca_file": "/vault/transit-tls/bundle.pem",
        "server_name": "vault.internal",
    }
    assert provisioned.prerequisites == ()
