"""The certificate in a Secret of others is judged before Vault has it."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pulumi
import pytest
from cryptography import x509

from components import given_certificate
from components.errors import DeploymentError
from components.given_certificate import (
    GivenCertificate,
    GivenCertificateProvider,
    MissingCertificateError,
    UnfitCertificateError,
)
from components.kubernetes.kubectl import KubernetesTarget
from components.stable_provider import PROVIDER_KEY
from components.tls.authority import ServerCertificate, create_authority, issue
from tests.unit.fakes.kubectl_answers import TARGET, KubectlAnswers, provide_answers
from tests.unit.fakes.recorded_deployment import deploy

NOW = datetime.now(UTC)
NAMES = ["vault-active.vault.svc", "vault.vault.svc"]
AUTHORITY = create_authority("test", NOW)
SERVER = issue(AUTHORITY, NAMES, 90, NOW)


def serial(server: ServerCertificate) -> str:
    return f"{x509.load_pem_x509_certificate(server.certificate.encode()).serial_number:x}"


RECORD = {
    "authority": AUTHORITY.certificate,
    "serial": serial(SERVER),
    "not_after": SERVER.not_after.isoformat(),
}
INPUTS: Mapping[str, Any] = {
    "target": TARGET.to_properties(),
    "source": "secret",
    "secret": "given",
    "needed": NAMES,
    "seconds": 0.3,
}
NAMED = "Secret secrets/given"


@pytest.fixture
def kubectl(monkeypatch: pytest.MonkeyPatch) -> KubectlAnswers:
    """The cluster, without the Secret."""
    return provide_answers(monkeypatch)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is said during the run."""
    lines: list[str] = []
    monkeypatch.setattr(given_certificate, "say", lines.append)
    return lines


def put(
    kubectl: KubectlAnswers,
    server: ServerCertificate = SERVER,
    *,
    key: str = "",
    authority: str = AUTHORITY.certificate,
) -> None:
    texts = {"tls.crt": server.certificate, "tls.key": key or server.key, "ca.crt": authority}
    data = {name: base64.b64encode(text.encode()).decode() for name, text in texts.items()}
    kubectl.objects["secret", "given"] = {"metadata": {"name": "given"}, "data": data}


def check(olds: Mapping[str, Any] | None = None, **changed: Any) -> tuple[dict[str, Any], list[str]]:
    result = GivenCertificateProvider().check(dict(olds or {}), {**INPUTS, **changed})
    return result.inputs, [failure.reason for failure in result.failures]


def changes(olds: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
    return bool(GivenCertificateProvider().diff("id", dict(olds), dict(news)).changes)


def test_fitting_certificate_is_recorded_without_its_key(kubectl: KubectlAnswers) -> None:
    put(kubectl)
    news, failures = check()
    assert (news, failures) == ({**INPUTS, **RECORD}, [])
    created = GivenCertificateProvider().create(news)
    assert (created.id, created.outs) == ("secrets/given", {**INPUTS, **RECORD})
    assert "PRIVATE" not in str(created.outs)


def test_comments_may_be_in_any_encoding(kubectl: KubectlAnswers) -> None:
    put(kubectl)
    entry = base64.b64encode("Müller\n".encode("latin-1") + AUTHORITY.certificate.encode()).decode()
    kubectl.objects["secret", "given"]["data"]["ca.crt"] = entry
    assert check() == ({**INPUTS, **RECORD}, [])


def test_preview_refuses_one_that_does_not_fit(kubectl: KubectlAnswers) -> None:
    put(kubectl, issue(AUTHORITY, NAMES[:1], 90, NOW - timedelta(days=80)))
    _, (failure,) = check()
    assert f"in {NAMED} isn't one for Vault's servers. Nothing was changed" in failure
    assert "it lacks the subject alternative names vault.vault.svc" in failure
    assert "should have been renewed" in failure


OVERDUE = issue(AUTHORITY, NAMES, 90, NOW - timedelta(days=80))


def test_recorded_certificate_near_its_end_is_told_and_blocks_nothing(
    kubectl: KubectlAnswers, told: list[str]
) -> None:
    put(kubectl, OVERDUE)
    olds = {**INPUTS, **RECORD, "serial": serial(OVERDUE)}
    news, failures = check(olds)
    assert (news["serial"], failures) == (serial(OVERDUE), [])
    (line,) = told
    assert f"certificate in {NAMED} nears its end" in line
    assert "Put another one into it" in line
    updated = GivenCertificateProvider().update("id", olds, news)
    assert (updated.outs or {})["serial"] == serial(OVERDUE)


def test_another_one_near_its_end_is_refused(kubectl: KubectlAnswers) -> None:
    put(kubectl, OVERDUE)
    assert "should have been renewed" in check({**INPUTS, **RECORD})[1][0]


def test_one_that_was_waited_for_is_judged_by_what_the_update_knows(
    kubectl: KubectlAnswers, told: list[str]
) -> None:
    put(kubectl, OVERDUE)
    # The properties of the check before the wait are what the engine keeps as the resource's inputs.
    news, failures = check(INPUTS)
    assert (failures, len(told)) == ([], 1)
    known = {**INPUTS, **RECORD, "serial": serial(OVERDUE)}
    assert (GivenCertificateProvider().update("id", known, news).outs or {})["serial"] == serial(OVERDUE)
    with pytest.raises(UnfitCertificateError, match="should have been renewed"):
        GivenCertificateProvider().update("id", {**INPUTS, **RECORD}, news)


@pytest.mark.parametrize("server", [issue(AUTHORITY, NAMES[:1], 90, NOW), OVERDUE], ids=["names", "end"])
def test_cert_manager_gets_the_time_to_make_a_fitting_one(
    kubectl: KubectlAnswers, told: list[str], monkeypatch: pytest.MonkeyPatch, server: ServerCertificate
) -> None:
    put(kubectl, server)
    olds = {**INPUTS, **RECORD, "source": "cert-manager"}
    news, failures = check(olds, source="cert-manager", seconds=60.0)
    assert (failures, "serial" in news) == ([], False)
    assert f"{NAMED} has no certificate yet that fits Vault's servers: it " in told[0]
    assert "describe certificate.cert-manager.io,certificaterequest given" in told[0]
    assert changes(olds, news)
    with pytest.raises(MissingCertificateError, match="has no certificate yet that fits"):
        GivenCertificateProvider().update("id", olds, {**news, "seconds": 0.3})
    monkeypatch.setattr("time.sleep", lambda _: put(kubectl))
    updated = GivenCertificateProvider().update("id", olds, news)
    assert (updated.outs or {})["serial"] == serial(SERVER)


def test_key_is_in_no_message(kubectl: KubectlAnswers) -> None:
    other = issue(AUTHORITY, NAMES, 90, NOW)
    put(kubectl, key=other.key)
    _, (failure,) = check()
    assert "tls.key isn't the key" in failure
    assert not [line for line in other.key.splitlines() if line in failure]


@pytest.mark.parametrize("content", [{}, {"data": None}, {"data": {"tls.crt": "%"}}])
def test_secret_without_the_entries(kubectl: KubectlAnswers, content: Any) -> None:
    kubectl.objects["secret", "given"] = {"metadata": {"name": "given"}, **content}
    _, (failure,) = check()
    assert "it has no entry tls.crt" in failure


def test_certificate_that_the_stack_has_made_goes_with_it(kubectl: KubectlAnswers) -> None:
    put(kubectl)
    labels = {"app.kubernetes.io/managed-by": "vault-autounseal"}
    kubectl.objects["secret", "given"] = {
        **kubectl.objects["secret", "given"],
        "metadata": {"name": "given", "labels": labels},
    }
    for source in ("secret", "cert-manager"):
        _, (failure,) = check(source=source)
        assert "Set tls.secret" in failure


def test_missing_secret_is_told_in_the_preview_and_waited_for(
    kubectl: KubectlAnswers, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    news, failures = check()
    assert (news, failures) == (INPUTS, [])
    (line,) = told
    assert f"{NAMED} with the certificate of Vault's servers isn't there yet" in line
    with pytest.raises(MissingCertificateError, match=r"Create it with the entries tls\.crt"):
        GivenCertificateProvider().create(news)
    monkeypatch.setattr("time.sleep", lambda _: put(kubectl))
    created = GivenCertificateProvider().create({**news, "seconds": 60.0})
    assert created.outs == {**INPUTS, **RECORD, "seconds": 60.0}


def test_who_makes_it_is_who_is_asked_why_it_is_missing(kubectl: KubectlAnswers) -> None:
    assert kubectl.objects == {}
    with pytest.raises(MissingCertificateError, match="kubectl --namespace secrets describe certificate"):
        GivenCertificateProvider().create({**INPUTS, "source": "cert-manager"})


def test_unfit_certificate_that_comes_meanwhile_ends_the_wait(kubectl: KubectlAnswers) -> None:
    put(kubectl, authority=create_authority("test", NOW).certificate)
    with pytest.raises(UnfitCertificateError, match=r"no certificate in ca\.crt"):
        GivenCertificateProvider().create({**INPUTS, "seconds": 60.0})


def test_what_cannot_be_looked_at_stays_as_it_is_known(kubectl: KubectlAnswers, told: list[str]) -> None:
    kubectl.refusal = "Unable to connect to the server"
    olds = {**INPUTS, **RECORD, PROVIDER_KEY: "p"}
    news, failures = check(olds)
    assert (news, failures) == ({**INPUTS, **RECORD}, [])
    assert "can't be looked at: Unable to connect" in told[0]
    assert not changes(olds, {**news, PROVIDER_KEY: "p"})
    assert check()[0] == INPUTS


def test_forbidden_secret_ends_the_update(kubectl: KubectlAnswers) -> None:
    kubectl.refusal = "Error from server (Forbidden): secrets is forbidden"
    with pytest.raises(DeploymentError, match="Forbidden"):
        GivenCertificateProvider().create({**INPUTS, "seconds": 60.0})


def test_renewed_certificate_is_an_update(kubectl: KubectlAnswers) -> None:
    put(kubectl)
    olds = check()[0]
    assert not changes(olds, check(olds)[0])
    renewed = issue(AUTHORITY, NAMES, 90, NOW + timedelta(minutes=1))
    put(kubectl, renewed)
    news = check(olds)[0]
    assert changes(olds, news)
    updated = GivenCertificateProvider().update("id", olds, news)
    assert updated.outs is not None
    assert updated.outs["serial"] == serial(renewed)


def test_secret_that_has_gone_is_waited_for_again(kubectl: KubectlAnswers, told: list[str]) -> None:
    put(kubectl)
    olds = check()[0]
    kubectl.objects.clear()
    assert changes(olds, check(olds)[0])
    assert "isn't there yet" in told[0]


def test_resource_as_the_engine_is_asked_for_it() -> None:
    def program() -> None:
        certificate = GivenCertificate(
            "server-certificate",
            target=KubernetesTarget("", "here", "secrets"),
            source="secret",
            secret="given",
            needed=tuple(NAMES),
            seconds=300,
            opts=pulumi.ResourceOptions(),
        )
        pulumi.export("authority", certificate.authority)
        pulumi.export("not_after", certificate.not_after)

    deployment = deploy({}, answers={}, outputs=lambda _: RECORD, program=program)
    certificate = deployment.only("pulumi-python:dynamic/vault:GivenCertificate")
    inputs = {name: value for name, value in certificate.inputs.items() if name != PROVIDER_KEY}
    assert inputs == {**INPUTS, "seconds": 300}
    assert deployment.outputs == {"authority": RECORD["authority"], "not_after": RECORD["not_after"]}
