"""Annotations for what is in front of a Vault with TLS."""

from collections.abc import Mapping
from typing import Any

import pytest

from components.settings import Settings
from components.vault.proxy_values import backend_policy, ingress_annotations, service_annotations
from tests.unit.fakes.stack_settings import SHAMIR, parse

NGINX = {
    "nginx.ingress.kubernetes.io/backend-protocol": "HTTPS",
    "nginx.ingress.kubernetes.io/proxy-ssl-secret": "vault/blue-vault-server-tls",
    "nginx.ingress.kubernetes.io/proxy-ssl-verify": "on",
    "nginx.ingress.kubernetes.io/proxy-ssl-name": "blue-vault-active.vault.svc",
    "nginx.ingress.kubernetes.io/proxy-ssl-server-name": "on",
}
ALB = {
    "alb.ingress.kubernetes.io/backend-protocol": "HTTPS",
    "alb.ingress.kubernetes.io/healthcheck-protocol": "HTTPS",
    "alb.ingress.kubernetes.io/healthcheck-path": "/v1/sys/health?standbyok=true",
}
GCE = {"cloud.google.com/app-protocols": '{"https":"HTTPS"}'}


def behind(controller: str, **ingress: Any) -> Settings:
    own = {"host": "vault.example.com", "backendTls": controller, **ingress}
    return parse({**SHAMIR, "tls": {"source": "own"}, "ingress": own})


@pytest.mark.parametrize(
    ("controller", "ingress", "service"),
    [("nginx", NGINX, {}), ("alb", ALB, {}), ("gce", {}, GCE), ("none", {}, {})],
)
def test_each_controller_has_its_annotations(
    controller: str, ingress: Mapping[str, str], service: Mapping[str, str]
) -> None:
    settings = behind(controller)
    assert ingress_annotations(settings, "blue-vault") == ingress
    assert service_annotations(settings) == service


def test_annotations_of_the_settings_win() -> None:
    settings = behind("alb", annotations={"a": "b", "alb.ingress.kubernetes.io/healthcheck-path": "/"})
    found = ingress_annotations(settings, "vault")
    assert found == {**ALB, "a": "b", "alb.ingress.kubernetes.io/healthcheck-path": "/"}


def test_nothing_without_an_ingress() -> None:
    assert ingress_annotations(parse(SHAMIR), "vault") == {}
    assert service_annotations(parse(SHAMIR)) == {}


@pytest.mark.parametrize(("mode", "service"), [("ha", "blue-vault-active"), ("standalone", "blue-vault")])
def test_policy_is_about_the_service_of_the_route(mode: str, service: str) -> None:
    settings = parse({**SHAMIR, "mode": mode, "tls": {"source": "own"}})
    assert backend_policy(settings, "blue-vault", "the-ca") == {
        "targetRefs": [{"group": "", "kind": "Service", "name": service}],
        "validation": {
            "caCertificateRefs": [{"group": "", "kind": "ConfigMap", "name": "the-ca"}],
            "hostname": f"{service}.vault.svc",
        },
    }
