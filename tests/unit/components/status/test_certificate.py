"""The section on the certificate: how long it is valid, renewed or not, and served or not."""

from dataclasses import replace
from datetime import timedelta

import pytest

from components.status.certificate import certificate_section
from components.status.facts import CertificateSecret, SeenCertificate
from components.status.page import State
from tests.unit.fakes.observed_vault import NOW, certificate, facts, missing, over_tls, pod, wrong


def test_certificate_that_is_served_by_all() -> None:
    section = certificate_section(over_tls(*[certificate()] * 3))
    assert section.state is State.FINE
    (line,) = section.lines
    assert line.says == "Secret vault-server-tls: valid until 2028-01-30 12:00 UTC, for 335 days more"


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (certificate(begun_days=352, left_days=13), "should have been renewed by now"),
        (certificate(begun_days=352, left_days=1.5), "for 36 hours more: it should have been renewed"),
        (certificate(begun_days=365, left_days=0), "it expired, it was valid until 2027-03-01 12:00 UTC"),
        (certificate(begun_days=-1), "but not yet"),
        # A fifth of its life.
        (certificate(begun_days=9, left_days=2), "should have been renewed by now"),
    ],
)
def test_certificate_that_has_to_be_renewed(seen: SeenCertificate, said: str) -> None:
    (line,) = wrong(certificate_section(over_tls(seen)))
    assert said in line.says


def test_own_certificate_that_is_due_waits_for_an_update() -> None:
    section = certificate_section(over_tls(certificate(begun_days=300, left_days=65)))
    assert section.state is State.NOTE
    assert "the next pulumi up renews it" in section.lines[0].says


@pytest.mark.parametrize(
    ("secret", "fix"),
    [
        (CertificateSecret("tls", by_stack=True), "run pulumi up --refresh"),
        (CertificateSecret("tls", request="tls"), "kubectl describe certificate.cert-manager.io tls"),
        (CertificateSecret("tls"), "put another one into Secret tls"),
    ],
)
def test_who_renews_it(secret: CertificateSecret, fix: str) -> None:
    ending = certificate(begun_days=352, left_days=13)
    (line,) = wrong(certificate_section(over_tls(ending, secret=replace(secret, certificate=ending))))
    assert fix in line.fix


def test_renewal_that_a_pod_has_not_read() -> None:
    new, old = certificate("b2", begun_days=1), certificate("a1", begun_days=250, left_days=115)
    (line,) = wrong(certificate_section(over_tls(new, old, new)))
    assert line.about == "vault-1"
    assert (
        line.says == "it serves another one than the Secret has, valid until 2027-06-24 12:00 UTC (serial a1)"
    )
    expired = certificate("a1", begun_days=366, left_days=-1)
    assert "expired at" in wrong(certificate_section(over_tls(new, expired)))[0].says


def test_renewal_of_some_minutes_ago_may_not_be_served_yet() -> None:
    new = replace(certificate("b2"), not_before=NOW - timedelta(minutes=6))
    section = certificate_section(over_tls(new, certificate("a1"), new))
    assert section.state is State.NOTE
    assert section.lines[-1].about == "vault-1"


@pytest.mark.parametrize("problem", ["it isn't there", "its entry tls.crt has no readable certificate (PEM)"])
def test_secret_without_a_certificate(problem: str) -> None:
    found = over_tls(certificate(), secret=CertificateSecret("vault-server-tls", problem=problem))
    section = certificate_section(found)
    assert problem in wrong(section)[0].says
    # And yet it is told until when the pods can be reached.
    assert section.lines[-1].says.startswith("served: valid until ")


def test_secret_that_can_not_be_looked_at_is_not_known_to_be_wrong() -> None:
    secret = CertificateSecret("vault-server-tls", problem="timeout", unasked=True)
    assert certificate_section(over_tls(certificate(), secret=secret)).state is State.UNKNOWN


def test_cluster_on_its_way_to_tls() -> None:
    secret = CertificateSecret("vault-server-tls", by_stack=True, certificate=certificate())
    over = pod(2, speaks_tls=True, served=certificate())
    (line,) = wrong(certificate_section(facts(pod(0), pod(1), over, secret=secret)))
    assert (line.about, line.says) == ("vault-0, vault-1", "it speaks plain HTTP still")


def test_cluster_on_its_way_back() -> None:
    over = pod(2, speaks_tls=True, served=certificate())
    (line,) = wrong(certificate_section(facts(pod(0), pod(1), over)))
    assert (line.about, line.says) == ("vault-2", "it speaks TLS still, and the release doesn't")


def test_vault_without_tls_or_that_nobody_can_ask() -> None:
    assert certificate_section(facts()).state is State.NOTE
    assert certificate_section(facts(missing(0), release=None)).state is State.UNKNOWN
