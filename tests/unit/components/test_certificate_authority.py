"""The authority in the stack's state."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pulumi
import pytest

from components import certificate_authority
from components.certificate_authority import CertificateAuthority, CertificateAuthorityProvider
from components.stable_provider import PROVIDER_KEY
from components.tls.authority import Authority, issue
from components.tls.judgement import ServerFiles, judge
from tests.unit.fakes.recorded_deployment import Secret, deploy

INPUTS = {"name": "vault in namespace secrets"}
PROVIDER = CertificateAuthorityProvider()


def at(monkeypatch: pytest.MonkeyPatch, moment: datetime) -> None:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> "Clock":
            return cls.fromtimestamp(moment.timestamp(), tz)

    monkeypatch.setattr(certificate_authority, "datetime", Clock)


def test_authority_signs_what_clients_accept() -> None:
    outs = PROVIDER.create(dict(INPUTS)).outs
    assert outs is not None
    now = datetime.now(UTC)
    server = issue(Authority(outs["certificate"], outs["key"]), ["vault"], 30, now)
    files = ServerFiles(server.certificate, server.key, outs["certificate"])
    assert judge(files, ["vault"], now).problems == []


def test_each_stack_has_a_key_of_its_own() -> None:
    first, second = PROVIDER.create(dict(INPUTS)).outs, PROVIDER.create(dict(INPUTS)).outs
    assert first is not None
    assert second is not None
    assert first["key"] != second["key"]


@pytest.mark.parametrize(("years", "renewed"), [(6, False), (7, True)])
def test_certificate_is_renewed_with_the_same_key(
    monkeypatch: pytest.MonkeyPatch, years: int, renewed: bool
) -> None:
    olds = {**(PROVIDER.create(dict(INPUTS)).outs or {}), PROVIDER_KEY: "p"}
    at(monkeypatch, datetime.now(UTC) + timedelta(days=365 * years))
    difference = PROVIDER.diff("id", olds, {**INPUTS, PROVIDER_KEY: "p"})
    assert (difference.changes, difference.replaces) == (renewed, [])
    outs = PROVIDER.update("id", olds, dict(INPUTS)).outs
    assert outs is not None
    assert (outs["certificate"] != olds["certificate"]) is renewed
    assert outs["key"] == olds["key"]
    assert outs.keys() == olds.keys() - {PROVIDER_KEY}


def test_key_is_a_secret_of_the_state() -> None:
    def program() -> None:
        authority = CertificateAuthority("certificate-authority", "vault", pulumi.ResourceOptions())
        pulumi.export("certificate", authority.certificate)
        pulumi.export("key", authority.key)

    made = {"certificate": "PEM", "key": "hidden"}
    deployment = deploy({}, answers={}, outputs=lambda _: made, program=program)
    authority = deployment.only("pulumi-python:dynamic/vault:CertificateAuthority")
    assert authority.additional_secret_outputs == {"key"}
    assert deployment.outputs == {"certificate": "PEM", "key": Secret("hidden")}
