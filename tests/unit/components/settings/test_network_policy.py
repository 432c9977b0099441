"""Whom Vault's pods may talk with, by the settings."""

from collections.abc import Mapping
from typing import Any

import pytest

from components.settings.network_policy import EgressSettings, NetworkPolicySettings
from tests.unit.fakes.stack_settings import EKS, GKE, PROJECT, SHAMIR, parse, problems


def test_there_is_no_policy_unless_set() -> None:
    assert parse(SHAMIR).network_policy is None
    assert parse({**SHAMIR, "networkPolicy": {}}).network_policy == NetworkPolicySettings(
        (), (), (), 6443, []
    )


@pytest.mark.parametrize("stack", [EKS, GKE])
def test_api_server_of_a_managed_cluster_listens_on_443(stack: Mapping[str, Any]) -> None:
    policy = parse({**stack, "networkPolicy": {}}).network_policy
    assert policy is not None
    assert policy.api_server_port == 443


def test_policy_is_taken_over() -> None:
    policy = {
        "clients": ["shop", "ingress-nginx"],
        "clientRanges": ["10.0.0.0/16"],
        "serviceRanges": ["10.1.0.0/24"],
        "apiServerPort": 16443,
        "egress": [{"port": 5432, "ranges": ["10.2.0.0/24"]}, {"port": 636}],
    }
    assert parse({**SHAMIR, "networkPolicy": policy}).network_policy == NetworkPolicySettings(
        clients=("shop", "ingress-nginx"),
        client_ranges=("10.0.0.0/16",),
        service_ranges=("10.1.0.0/24",),
        api_server_port=16443,
        egress=[EgressSettings(5432, ("10.2.0.0/24",)), EgressSettings(636, ())],
    )


@pytest.mark.parametrize(
    ("policy", "key", "fix"),
    [
        ({"clients": ["Shop"]}, "clients", "give a list of namespaces"),
        ({"clients": "shop"}, "clients", "give a list of namespaces"),
        ({"clientRanges": ["10.0.0.1"]}, "clientRanges", "give a list of ranges"),
        ({"serviceRanges": ["kms"]}, "serviceRanges", "give a list of ranges"),
        ({"apiServerPort": 0}, "apiServerPort", "give the port of the API server's endpoints"),
        ({"egress": [5432]}, "egress", "give a list of objects"),
        ({"egress": [{}]}, "egress[0].port", "give the TCP port"),
        ({"egress": [{"port": 70000}]}, "egress[0].port", "give the TCP port"),
        ({"egress": [{"port": 1, "ranges": ["a"]}]}, "egress[0].ranges", "give a list of ranges"),
        ({"egress": [{"port": 1, "host": "db"}]}, "egress[0].host", "there is no such setting"),
        ({"enabled": True}, "enabled", "there is no such setting"),
    ],
)
def test_wrong_policy_is_told(policy: Any, key: str, fix: str) -> None:
    (problem,) = problems({**SHAMIR, "networkPolicy": policy})
    assert problem.startswith(f"{PROJECT}:networkPolicy.{key} is ")
    assert fix in problem


def test_the_charts_own_policy_would_open_what_this_one_closes() -> None:
    given = {"chart": {"values": {"server": {"networkPolicy": {"enabled": True}}}}}
    assert parse({**SHAMIR, **given}).network_policy is None
    (problem,) = problems({**SHAMIR, **given, "networkPolicy": {}})
    assert "chart.values.server.networkPolicy lets all namespaces through" in problem
