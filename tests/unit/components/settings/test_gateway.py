"""The Gateways that lead to Vault."""

from pathlib import Path
from typing import Any

import pytest

from components.errors import SettingsError
from components.settings.gateway import GatewaySettings, require_route
from tests.unit.fakes.stack_settings import PROJECT, SHAMIR, parse, problems

PARENT = {"name": "public", "namespace": "gateways", "sectionName": "https", "port": 443}


def stack(gateway: Any, version: str = "0.34.1") -> dict[str, Any]:
    return {**SHAMIR, "tls": {"source": "none"}, "chart": {"version": version}, "gateway": gateway}


def test_gateways_are_taken_over() -> None:
    assert parse(SHAMIR).gateway is None
    assert parse(stack({"parentRefs": [{"name": "public"}]})).gateway == GatewaySettings(
        [{"name": "public"}], ()
    )
    both = {"parentRefs": [PARENT, {"name": "private"}], "hostnames": ["vault.example.com", "*.example.org"]}
    assert parse(stack(both)).gateway == GatewaySettings(
        [PARENT, {"name": "private"}], ("vault.example.com", "*.example.org")
    )


@pytest.mark.parametrize(
    ("gateway", "key", "fix"),
    [
        ({}, "parentRefs", "give a list of Gateways"),
        ({"parentRefs": []}, "parentRefs", "give a list of Gateways"),
        ({"parentRefs": ["public"]}, "parentRefs", "give a list of Gateways"),
        ({"parentRefs": [{"namespace": "gateways"}]}, "parentRefs[0].name", "name a Gateway"),
        ({"parentRefs": [{"name": "a", "namespace": "A"}]}, "parentRefs[0].namespace", "name the Gateway's"),
        ({"parentRefs": [{"name": "a", "sectionName": "A"}]}, "parentRefs[0].sectionName", "name a listener"),
        ({"parentRefs": [{"name": "a", "port": 0}]}, "parentRefs[0].port", "give the port of a listener"),
        ({"parentRefs": [{"name": "a", "kind": "Mesh"}]}, "parentRefs[0].kind", "there is no such setting"),
        ({"parentRefs": [PARENT], "hostnames": ["https://a.example"]}, "hostnames", "give a list of host"),
        ({"parentRefs": [PARENT], "filters": []}, "filters", "there is no such setting"),
    ],
)
def test_wrong_gateway_is_told(gateway: Any, key: str, fix: str) -> None:
    (problem,) = problems(stack(gateway))
    assert problem.startswith(f"{PROJECT}:gateway.{key} is ")
    assert fix in problem


@pytest.mark.parametrize("version", ["0.27.0", "0.29.1", "0.33.0"])
def test_older_chart_is_refused(version: str) -> None:
    (problem,) = problems(stack({"parentRefs": [PARENT]}, version))
    assert problem.startswith(f"{PROJECT}:gateway is ")
    assert "the chart has a route from version 0.34.0 on" in problem


@pytest.mark.parametrize("version", ["0.34.0", "0.100.0", "1.0.0", "0.34.1+build.7"])
def test_newer_chart_has_a_route(version: str) -> None:
    assert parse(stack({"parentRefs": [PARENT]}, version)).gateway


def test_chart_on_this_machine_is_asked_for_its_route(tmp_path: Path) -> None:
    gateway = GatewaySettings([PARENT], ())
    values = tmp_path / "values.yaml"
    values.write_text("server:\n  httproute: {enabled: false}\n")
    require_route(gateway, str(tmp_path))
    values.write_text("server:\n  ingress: {enabled: false}\n")
    with pytest.raises(SettingsError, match=r"gateway isn't for the chart at chart\.path"):
        require_route(gateway, str(tmp_path))
    require_route(None, str(tmp_path))
    require_route(gateway, None)


def test_gateways_speak_tls_to_a_vault_that_does() -> None:
    plain = stack({"parentRefs": [PARENT]})
    over_tls = {**plain, "tls": {"source": "own"}}
    without = {**over_tls, "gateway": {"parentRefs": [PARENT], "backendTlsPolicy": False}}
    gateways = [parse(one).gateway for one in (plain, over_tls, without)]
    assert [gateway is not None and gateway.backend_policy for gateway in gateways] == [False, True, False]
    (problem,) = problems(stack({"parentRefs": [PARENT], "backendTlsPolicy": True}))
    assert "gateway.backendTlsPolicy is true: Vault speaks HTTP" in problem
