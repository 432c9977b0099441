"""The chart's values for pods and Services, held against every supported version of the official chart."""

from collections.abc import Mapping
from typing import Any

import pytest

from components.seals.seal import PodRequirements
from components.vault.chart_values import chart_values
from tests.official_chart import VERSIONS, require_values_of_every_version, unknown_values
from tests.unit.fakes.stack_settings import SHAMIR, nested, parse

TOLERATION = {"key": "dedicated", "value": "vault", "effect": "NoSchedule"}
SPREAD = {
    "maxSkew": 1,
    "topologyKey": "topology.kubernetes.io/zone",
    "whenUnsatisfiable": "ScheduleAnyway",
    "labelSelector": {
        "matchLabels": {
            "app.kubernetes.io/name": "vault",
            "app.kubernetes.io/instance": "vault",
            "component": "server",
        }
    },
}

VALUES: list[tuple[str, Any, str, Any]] = [
    ("tolerations", [TOLERATION], "server.tolerations", [TOLERATION]),
    ("nodeSelector", {"pool": "platform"}, "server.nodeSelector", {"pool": "platform"}),
    ("priorityClassName", "high", "server.priorityClassName", "high"),
    ("affinity", {}, "server.affinity", ""),
    ("topologySpread", {}, "server.topologySpreadConstraints", [SPREAD]),
    ("podLabels", {"team": "platform"}, "server.extraLabels", {"team": "platform"}),
    ("podAnnotations", {"example.com/a": "b"}, "server.annotations", {"example.com/a": "b"}),
    ("logLevel", "debug", "server.logLevel", "debug"),
    ("logFormat", "json", "server.logFormat", "json"),
    ("imagePullSecrets", ["registry"], "global.imagePullSecrets", [{"name": "registry"}]),
    ("image.pullPolicy", "Always", "server.image.pullPolicy", "Always"),
    ("disruptionBudget.enabled", False, "server.ha.disruptionBudget", {"enabled": False}),
    ("service.type", "LoadBalancer", "server.service.type", "LoadBalancer"),
    ("service.annotations", {"a": "b"}, "server.service.annotations", {"a": "b"}),
    ("service.activeAnnotations", {"a": "b"}, "server.service.active", {"annotations": {"a": "b"}}),
    ("uiService.annotations", {"a": "b"}, "ui.annotations", {"a": "b"}),
    ("uiService.activeOnly", True, "ui.activeVaultPodOnly", True),
    (
        "uiService",
        {"type": "LoadBalancer", "loadBalancerSourceRanges": ["10.0.0.0/8"]},
        "ui",
        {
            "enabled": True,
            "publishNotReadyAddresses": False,
            "serviceType": "LoadBalancer",
            "loadBalancerSourceRanges": ["10.0.0.0/8"],
        },
    ),
]


def values(configuration: Mapping[str, Any]) -> dict[str, Any]:
    return chart_values(parse(configuration), configuration='storage "raft" {}', pods=PodRequirements())


def at(given: Any, path: str) -> Any:
    for key in path.split("."):
        given = given.get(key, {}) if isinstance(given, dict) else {}
    return given


@pytest.mark.parametrize(
    ("setting", "given", "path", "expected"), VALUES, ids=[f"{row[0]}={row[1]}"[:60] for row in VALUES]
)
def test_setting_is_a_value_of_every_chart(setting: str, given: Any, path: str, expected: Any) -> None:
    made = values({**SHAMIR, **nested(setting, given)})

    assert at(made, path) == expected
    assert at(values(SHAMIR), path) != expected
    require_values_of_every_version(made)


def test_value_that_no_chart_has_is_noticed() -> None:
    wrong = {"server": {"tolaration": [], "service": {"kind": "NodePort"}}}
    for version in VERSIONS:
        assert unknown_values(version, wrong) == ["server.tolaration", "server.service.kind"]


def test_defaults_change_no_pod_and_no_service() -> None:
    """A stack of an earlier version would show an update of each."""
    written_out = {
        "image": {"pullPolicy": "IfNotPresent"},
        "disruptionBudget": {"enabled": True, "maxUnavailable": 1},
        "service": {"type": "ClusterIP", "annotations": {}},
        "uiService": {"type": "ClusterIP", "activeOnly": False},
        "podLabels": {},
        "imagePullSecrets": [],
    }
    assert values({**SHAMIR, **written_out}) == values(SHAMIR)


def test_a_smaller_budget_of_five_replicas() -> None:
    made = values({**SHAMIR, "replicas": 5, "disruptionBudget": {"maxUnavailable": 1}})
    assert made["server"]["ha"]["disruptionBudget"] == {"maxUnavailable": 1}


def test_spread_counts_the_pods_of_this_release_only() -> None:
    made = values({**SHAMIR, "releaseName": "blue", "topologySpread": {"maxSkew": 2}})
    (constraint,) = made["server"]["topologySpreadConstraints"]
    assert constraint["labelSelector"]["matchLabels"]["app.kubernetes.io/instance"] == "blue"
    assert constraint["maxSkew"] == 2


def test_labels_and_annotations_stand_beside_those_of_the_seal() -> None:
    settings = parse({**SHAMIR, "podLabels": {"a": "b"}, "podAnnotations": {"c": "d"}})
    needed = PodRequirements(pod_labels={"e": "f"}, pod_annotations={"g": "h"})
    server = chart_values(settings, configuration="", pods=needed)["server"]
    assert server["extraLabels"] == {"a": "b", "e": "f"}
    assert server["annotations"] == {"c": "d", "g": "h"}


def test_values_share_nothing() -> None:
    settings = parse(SHAMIR)
    arguments: dict[str, Any] = {"configuration": "", "pods": PodRequirements()}
    first, second = (chart_values(settings, **arguments) for _ in range(2))
    first["injector"]["securityContext"]["pod"]["seccompProfile"]["type"] = "Unconfined"
    first["server"]["statefulSet"]["securityContext"]["container"]["capabilities"]["drop"].clear()
    assert second == chart_values(settings, **arguments)
