from typing import Any

import pytest

from components.chart.value_names import unknown_names
from tests.official_chart import VERSIONS, official_file


@pytest.fixture(scope="module", params=VERSIONS)
def official(request: pytest.FixtureRequest) -> str:
    return official_file(str(request.param), "values.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"csi": {"enabled": True, "resources": {"requests": {"cpu": "10m"}}}},
        {"server": {"extraContainers": [{"name": "logrotate", "anything": {"at": "all"}}]}},
        {"server": {"nodeSelector": {"example.com/pool": "vault"}, "affinity": {"nodeAffinity": {}}}},
        {"injector": {"objectSelector": {"matchLabels": {"a": "b"}}}},
        # Commented out in the chart's values.yaml.
        {"server": {"service": {"type": "LoadBalancer", "nodePort": 30000}}},
        {"ui": {"loadBalancerSourceRanges": ["10.0.0.0/8"], "loadBalancerIP": "10.0.0.1"}},
        {"server": {"affinity": None, "livenessProbe": None}},
    ],
)
def test_values_of_the_official_chart_are_known(official: str, values: dict[str, Any]) -> None:
    assert unknown_names(values, official) == []


@pytest.mark.parametrize(
    ("values", "problems"),
    [
        (
            {"server": {"tolaration": []}},
            ["server.tolaration isn't a value of this chart; did you mean server.tolerations?"],
        ),
        ({"srever": {}}, ["srever isn't a value of this chart; did you mean server?"]),
        ({"server": {"xyz": 1}}, ["server.xyz isn't a value of this chart"]),
        (
            {"injector": {"webhook": {"failurPolicy": "Fail"}}, "server": {"pdb": None}},
            [
                "injector.webhook.failurPolicy isn't a value of this chart; "
                "did you mean injector.webhook.failurePolicy?",
                "server.pdb isn't a value of this chart",
            ],
        ),
        # Sections of this one have it.
        ({"tolerations": []}, ["tolerations isn't a value of this chart"]),
        ({"raft": {}}, ["raft isn't a value of this chart; did you mean server.ha.raft?"]),
        (
            {"server": {"securityContext": {"runAsUser": 100}}},
            [
                "server.securityContext isn't a value of this chart; "
                "did you mean server.statefulSet.securityContext?"
            ],
        ),
    ],
)
def test_other_names_are_refused_with_the_nearest_one(
    official: str, values: dict[str, Any], problems: list[str]
) -> None:
    assert unknown_names(values, official) == problems


@pytest.mark.parametrize("text", ["", "# nothing\n", "[]", "text"])
def test_chart_without_an_object_of_values_is_not_compared(text: str) -> None:
    assert unknown_names({"server": {}}, text) == []


def test_comment_that_is_no_name_is_none() -> None:
    text = "server:\n  a: 1\n  # Note that this: is a sentence.\n  # b: 2\n  #c:\n  # x.y: 1\nui:\n  # d: 1\n"
    assert unknown_names({"server": {"b": 1, "c": 2}}, text) == []
    refused = ["server.that isn't a value of this chart", "server.y isn't a value of this chart"]
    assert unknown_names({"server": {"that": 1, "y": 1}}, text) == refused
