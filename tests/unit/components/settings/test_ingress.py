"""How an Ingress controller speaks to a Vault with TLS; the rest is in test_load.py."""

from typing import Any

import pytest

from tests.unit.fakes.stack_settings import SHAMIR, parse, problems

HOST = {"host": "vault.example.com"}
TLS = {"source": "own"}


@pytest.mark.parametrize("controller", ["nginx", "alb", "gce", "none"])
def test_controller_is_named(controller: str) -> None:
    ingress = parse({**SHAMIR, "tls": TLS, "ingress": {**HOST, "backendTls": controller}}).ingress
    assert ingress is not None
    assert ingress.backend_tls == controller


def test_without_an_ingress_there_is_nothing_to_name() -> None:
    assert parse({**SHAMIR, "tls": TLS}).ingress is None


@pytest.mark.parametrize(
    ("tls", "more", "fix"),
    [
        (TLS, {}, "so has the controller to; use the one that it is (nginx, alb, gce), or none"),
        (TLS, {"backendTls": "traefik"}, "use none or nginx or alb or gce"),
        ({"source": "none"}, {"backendTls": "nginx"}, "Vault speaks HTTP; set tls.source as well"),
    ],
)
def test_wrong_settings(tls: Any, more: Any, fix: str) -> None:
    (problem,) = problems({**SHAMIR, "tls": tls, "ingress": {**HOST, **more}})
    assert "ingress.backendTls is" in problem
    assert fix in problem
