"""The chart's values for the injector, held against every supported version of the official chart."""

from collections.abc import Mapping
from typing import Any

import pytest

from components.vault.injector_values import injector_values
from tests.official_chart import require_values_of_every_version
from tests.unit.fakes.stack_settings import SHAMIR, parse

TOLERATION = {"key": "dedicated", "value": "vault", "effect": "NoSchedule"}
SELECTOR = {"matchLabels": {"vault-injection": "enabled"}}
NOT_OWN_PODS = {
    "key": "app.kubernetes.io/name",
    "operator": "NotIn",
    "values": ["vault-agent-injector", "vault"],
}
NOT_SYSTEM = {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system"]}

VALUES: list[tuple[Mapping[str, Any], Any]] = [
    ({"tolerations": [TOLERATION]}, {"tolerations": [TOLERATION]}),
    ({"nodeSelector": {"pool": "platform"}}, {"nodeSelector": {"pool": "platform"}}),
    ({"affinity": {}}, {"affinity": ""}),
    ({"priorityClassName": "high"}, {"priorityClassName": "high"}),
    ({"resources": {"limits": {"cpu": 1}}}, {"resources": {"limits": {"cpu": 1}}}),
    ({"podLabels": {"team": "platform"}}, {"extraLabels": {"team": "platform"}}),
    ({"podAnnotations": {"a": "b"}}, {"annotations": {"a": "b"}}),
    ({"replicas": 2}, {"replicas": 2}),
    ({"image": {"tag": "1.7.0"}}, {"image": {"tag": "1.7.0"}}),
    (
        {"image": {"repository": "a/b", "pullPolicy": "Never"}},
        {"image": {"repository": "a/b", "pullPolicy": "Never"}},
    ),
    ({"agentImage": {"tag": "1.19.0"}}, {"agentImage": {"repository": "hashicorp/vault", "tag": "1.19.0"}}),
    ({"namespaceSelector": SELECTOR}, {"webhook": {"namespaceSelector": SELECTOR}}),
    (
        {"objectSelector": SELECTOR},
        {"webhook": {"objectSelector": {**SELECTOR, "matchExpressions": [NOT_OWN_PODS]}}},
    ),
    (
        {"failurePolicy": "Fail"},
        {
            "webhook": {
                "failurePolicy": "Fail",
                "namespaceSelector": {"matchExpressions": [NOT_SYSTEM]},
                "objectSelector": {"matchExpressions": [NOT_OWN_PODS]},
            }
        },
    ),
]


def values(injector: Mapping[str, Any]) -> dict[str, Any]:
    return injector_values(parse({**SHAMIR, "injector": injector}).injector)


@pytest.mark.parametrize(("given", "expected"), VALUES, ids=[str(given)[:60] for given, _ in VALUES])
def test_setting_is_a_value_of_every_chart(given: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    assert values(given) == {**values({}), **expected}
    require_values_of_every_version({"injector": values(given)})


def test_defaults_change_no_pod() -> None:
    """A stack of an earlier version would show an update."""
    written_out = {
        "replicas": 1,
        "failurePolicy": "Ignore",
        "image": {"pullPolicy": "IfNotPresent"},
        "namespaceSelector": {},
        "tolerations": [],
    }
    assert values(written_out) == values({})


def test_own_namespaces_take_the_place_of_all_but_the_systems() -> None:
    webhook = values({"failurePolicy": "Fail", "namespaceSelector": SELECTOR})["webhook"]
    assert webhook["namespaceSelector"] == SELECTOR


def test_own_pods_stay_out_beside_what_is_asked_for() -> None:
    given = {"key": "tier", "operator": "Exists"}
    webhook = values({"objectSelector": {"matchExpressions": [given]}})["webhook"]
    assert webhook == {"objectSelector": {"matchExpressions": [given, NOT_OWN_PODS]}}


def test_values_share_nothing() -> None:
    first, second = values({"failurePolicy": "Fail"}), values({"failurePolicy": "Fail"})
    first["webhook"]["objectSelector"]["matchExpressions"][0]["values"].append("mine")
    first["webhook"]["namespaceSelector"]["matchExpressions"][0]["values"].append("mine")
    first["securityContext"]["pod"]["seccompProfile"]["type"] = "Unconfined"
    assert second == values({"failurePolicy": "Fail"})
