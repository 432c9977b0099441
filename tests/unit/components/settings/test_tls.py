"""How Vault's servers come by a certificate."""

from typing import Any

import pytest

from components.settings import TlsSettings
from components.settings.deployed_vault import DeployedVault
from components.settings.tls import Issuer
from tests.unit.fakes.stack_settings import SHAMIR, parse, problems

PLAIN = DeployedVault("1.18.1", "0.29.1", "none")


def test_new_stack_makes_a_certificate() -> None:
    assert parse(SHAMIR).tls == TlsSettings("own", declared=True)
    names = {"extraNames": ["vault.example.com"]}
    assert parse({**SHAMIR, "tls": names}).tls == TlsSettings("own", True, None, ("vault.example.com",))


def test_deployed_vault_that_speaks_http_goes_on_with_it() -> None:
    assert parse(SHAMIR, deployed=PLAIN).tls == TlsSettings("none", declared=False)
    (problem,) = problems({**SHAMIR, "tls": {"secret": "given"}}, deployed=PLAIN)
    assert "with source none there is no certificate; set another source" in problem


def test_none_that_is_declared_may_be_the_way_back() -> None:
    tls = parse({**SHAMIR, "tls": {"source": "none"}}).tls
    assert (tls.enabled, tls.declared) == (False, True)


def test_certificate_of_a_secret() -> None:
    tls = {"source": "secret", "secret": "given", "extraNames": ["*.example.com", "10.0.0.5", "fd00::1"]}
    found = parse({**SHAMIR, "tls": tls}).tls
    assert found == TlsSettings("secret", True, "given", ("*.example.com", "10.0.0.5", "fd00::1"))
    assert found.enabled


def test_certificate_that_the_stack_makes() -> None:
    found = parse({**SHAMIR, "tls": {"source": "own", "lifetimeDays": 30}}).tls
    assert found == TlsSettings("own", True, lifetime_days=30)
    assert parse({**SHAMIR, "tls": {"source": "own"}}).tls.lifetime_days == 365


def test_certificate_of_cert_manager() -> None:
    found = parse({**SHAMIR, "tls": {"source": "cert-manager", "issuer": {"name": "internal"}}}).tls
    assert (found.issuer, found.lifetime_days) == (Issuer("internal", "ClusterIssuer", "cert-manager.io"), 90)
    issuer = {"name": "aws", "kind": "AWSPCAClusterIssuer", "group": "awspca.cert-manager.io"}
    tls = {"source": "cert-manager", "issuer": issuer, "lifetimeDays": 30}
    found = parse({**SHAMIR, "tls": tls}).tls
    assert (found.issuer, found.lifetime_days) == (Issuer(**issuer), 30)


@pytest.mark.parametrize(
    ("tls", "key", "fix"),
    [
        ({"source": "acme"}, "source", "use none or own or cert-manager or secret"),
        ({"source": "cert-manager"}, "issuer.name", "name an issuer"),
        ({"source": "cert-manager", "issuer": {"name": "A"}}, "issuer.name", "name an issuer"),
        ({"source": "cert-manager", "issuer": {"name": "a", "uid": 1}}, "issuer.uid", "no such setting"),
        ({"source": "own", "issuer": {"name": "a"}}, "issuer", "it is for source cert-manager"),
        ({"source": "own", "lifetimeDays": 1096}, "lifetimeDays", "give 1 to 1095 days"),
        ({"source": "secret", "lifetimeDays": 90}, "lifetimeDays", "nothing is made"),
        ({"source": "secret", "secret": "A"}, "secret", "name a Secret"),
        ({"source": "secret", "extraNames": ["https://a"]}, "extraNames", "give a list of host names"),
        ({"source": "secret", "extraNames": "a"}, "extraNames", "give a list of host names"),
        ({"source": "none", "secret": "a"}, "secret", "with source none there is no certificate"),
        ({"source": "none", "extraNames": []}, "extraNames", "with source none there is no certificate"),
        ({"source": "secret", "name": "given"}, "name", "there is no such setting"),
    ],
)
def test_wrong_settings(tls: Any, key: str, fix: str) -> None:
    found = problems({**SHAMIR, "tls": tls})
    assert any(f"tls.{key} is" in problem and fix in problem for problem in found), found
