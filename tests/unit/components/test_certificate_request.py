"""What cert-manager is asked for, and that it is there."""

from typing import Any

import pulumi
import pulumi_kubernetes
import pytest

from components import certificate_request as module
from components.certificate_request import (
    CertManagerMissingError,
    TakenSecretError,
    certificate_request,
    certificate_specification,
    require_cert_manager,
    require_free_secret,
)
from components.kubernetes.kubectl import OWNER, OWNER_LABEL, Kubectl, KubectlError
from components.settings.tls import Issuer
from tests.unit.fakes.init_inputs import TARGET
from tests.unit.fakes.kubectl_answers import provide_answers
from tests.unit.fakes.mocked_account import KUBERNETES_PROVIDER
from tests.unit.fakes.recorded_deployment import Deployment, deploy

ISSUER = Issuer("internal", "ClusterIssuer", "cert-manager.io")


def test_certificate_is_for_names_and_addresses_and_renewed_in_time() -> None:
    names = ["vault", "*.vault-internal.vault.svc", "127.0.0.1", "::1"]
    assert certificate_specification("vault-server-tls", names, ISSUER, 90) == {
        "secretName": "vault-server-tls",
        "issuerRef": {"name": "internal", "kind": "ClusterIssuer", "group": "cert-manager.io"},
        "dnsNames": ["vault", "*.vault-internal.vault.svc"],
        "ipAddresses": ["127.0.0.1", "::1"],
        "duration": "2160h0m0s",
        "renewBefore": "720h0m0s",
        "privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"},
        "usages": ["digital signature", "server auth"],
    }


def deployed() -> Deployment:
    def program() -> None:
        provider = pulumi_kubernetes.Provider("kubernetes")
        certificate_request(
            TARGET,
            secret="vault-server-tls",
            namespace="secrets",
            names=["vault"],
            issuer=ISSUER,
            days=90,
            opts=pulumi.ResourceOptions(provider=provider),
        )

    return deploy({}, answers={}, outputs=lambda _: {}, program=program)


def test_certificate_is_in_vaults_namespace() -> None:
    deployment = deployed()
    certificate = deployment.only("kubernetes:cert-manager.io/v1:Certificate")
    assert certificate.inputs["apiVersion"] == "cert-manager.io/v1"
    assert certificate.inputs["metadata"] == {"name": "vault-server-tls", "namespace": "secrets"}
    assert certificate.inputs["spec"]["dnsNames"] == ["vault"]
    assert certificate.provider.startswith(deployment.only(KUBERNETES_PROVIDER).urn)
    assert certificate.hooks_before_creation == {"before-certificate-is-created"}


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What kubectl fails with, if it does, what it was asked, and what was said of it."""
    found: dict[str, Any] = {"error": "", "asked": [], "said": []}

    def run(_: Kubectl, arguments: list[str]) -> str:
        found["asked"].append(arguments)
        if found["error"]:
            raise KubectlError(found["error"])
        return "{}"

    monkeypatch.setattr(Kubectl, "run", run)
    monkeypatch.setattr(module, "say", found["said"].append)
    return found


def test_cluster_with_cert_manager(api: dict[str, Any]) -> None:
    require_cert_manager(TARGET)
    assert api["asked"] == [["get", "--raw", "/apis/cert-manager.io/v1"]]


def test_cluster_without_it_is_refused(api: dict[str, Any]) -> None:
    api["error"] = "Error from server (NotFound): the server could not find the requested resource"
    with pytest.raises(CertManagerMissingError, match=r"has no cert-manager\. Nothing was changed"):
        require_cert_manager(TARGET)


def test_cluster_that_cannot_be_asked_is_left_to_the_creation(api: dict[str, Any]) -> None:
    api["error"] = "Unable to connect to the server"
    require_cert_manager(TARGET)
    assert "can't be seen: Unable to connect" in api["said"][0]


SECRET = {"metadata": {"name": "given", "uid": "1", "resourceVersion": "1", "labels": {OWNER_LABEL: OWNER}}}


def test_secret_of_the_stacks_own_certificate_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    kubectl = provide_answers(monkeypatch)
    require_free_secret(TARGET, "given")
    kubectl.objects["secret", "given"] = {"metadata": {"name": "given"}}
    require_free_secret(TARGET, "given")
    kubectl.objects["secret", "given"] = SECRET
    with pytest.raises(TakenSecretError, match=r"Nothing was changed\. Set tls\.secret to another name"):
        require_free_secret(TARGET, "given")


def test_secret_that_cannot_be_seen_is_left_to_its_judgement(
    monkeypatch: pytest.MonkeyPatch, api: dict[str, Any]
) -> None:
    provide_answers(monkeypatch).refusal = "Error from server (Forbidden): secrets is forbidden"
    require_free_secret(TARGET, "given")
    assert "is the stack's own can't be seen: Error from server (Forbidden)" in api["said"][0]


def test_both_are_required_before_the_certificate_is_created(monkeypatch: pytest.MonkeyPatch) -> None:
    hooks: list[Any] = []
    made = pulumi.ResourceHook

    def remember(name: str, callback: Any, options: Any) -> pulumi.ResourceHook:
        assert options.on_dry_run
        hooks.append(callback)
        return made(name, callback, options)

    monkeypatch.setattr(pulumi, "ResourceHook", remember)
    deployed()
    kubectl = provide_answers(monkeypatch)
    monkeypatch.setattr(module, "require_cert_manager", lambda _: None)
    kubectl.objects["secret", "vault-server-tls"] = SECRET
    with pytest.raises(TakenSecretError):
        hooks[0](None)
