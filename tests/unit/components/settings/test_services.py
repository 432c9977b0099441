"""Settings of the Services in front of Vault."""

from typing import Any

import pytest

from components.settings.services import ServiceSettings, UiServiceSettings
from tests.unit.fakes.stack_settings import PROJECT, SHAMIR, parse, problems

STANDALONE = {**SHAMIR, "mode": "standalone"}


def test_services_are_the_charts_own_unless_set() -> None:
    for stack in (SHAMIR, STANDALONE, {**SHAMIR, "ui": False}):
        settings = parse(stack)
        assert (settings.service, settings.ui_service) == (ServiceSettings(), UiServiceSettings())


def test_services_are_taken_over() -> None:
    service = {
        "type": "NodePort",
        "annotations": {"example.com/a": "b"},
        "activeAnnotations": {"cloud.google.com/neg": '{"ingress": true}'},
    }
    ui_service = {
        "type": "LoadBalancer",
        "annotations": {"networking.gke.io/load-balancer-type": "Internal"},
        "activeOnly": True,
        "loadBalancerSourceRanges": ["10.0.0.0/8", "2001:db8::/32"],
    }
    settings = parse({**SHAMIR, "service": service, "uiService": ui_service})
    assert settings.service == ServiceSettings(
        type="NodePort",
        annotations={"example.com/a": "b"},
        active_annotations={"cloud.google.com/neg": '{"ingress": true}'},
    )
    assert settings.ui_service == UiServiceSettings(
        type="LoadBalancer",
        annotations={"networking.gke.io/load-balancer-type": "Internal"},
        active_only=True,
        load_balancer_source_ranges=("10.0.0.0/8", "2001:db8::/32"),
    )


@pytest.mark.parametrize(
    ("stack", "key", "value", "problem"),
    [
        (SHAMIR, "service", {"type": "loadBalancer"}, "use ClusterIP or NodePort or LoadBalancer"),
        (SHAMIR, "service", {"annotations": {"a b": "c"}}, "use an annotation's name and a text"),
        (SHAMIR, "service", {"ports": 443}, "there is no such setting"),
        (STANDALONE, "service", {"activeAnnotations": {"a": "b"}}, "mode standalone has no Service of the"),
        (SHAMIR, "uiService", {"type": "ExternalName"}, "use ClusterIP or NodePort or LoadBalancer"),
        (SHAMIR, "uiService", {"activeOnly": "yes"}, "use true or false"),
        (STANDALONE, "uiService", {"activeOnly": True}, "mode standalone has one pod"),
        ({**SHAMIR, "ui": False}, "uiService", {"type": "LoadBalancer"}, "set ui to true"),
        (SHAMIR, "uiService", {"loadBalancerSourceRanges": ["10.0.0.0/8"]}, "it belongs to type LoadB"),
    ],
)  # fmt: skip
def test_wrong_value_is_told(stack: dict[str, Any], key: str, value: Any, problem: str) -> None:
    (found,) = problems({**stack, key: value})
    assert found.startswith(f"{PROJECT}:{key}")
    assert problem in found


def test_source_ranges_are_of_addresses() -> None:
    (problem,) = problems(
        {**SHAMIR, "uiService": {"type": "LoadBalancer", "loadBalancerSourceRanges": ["10.0.0.1"]}}
    )
    assert "give a list of ranges, such as 10.0.0.0/8" in problem
