"""Settings of pods, of what keeps them running, and of their log."""

from collections.abc import Mapping
from typing import Any

import pytest

from components.settings.pods import (
    DisruptionBudgetSettings,
    LogSettings,
    PodSettings,
    TopologySpreadSettings,
)
from tests.unit.fakes.stack_settings import PROJECT, SHAMIR, nested, parse, problems

LABEL_RULE = "a label's value has at most 63 letters"


def test_pods_of_vault_and_of_the_injector_have_the_same_settings() -> None:
    given: Mapping[str, Any] = {
        "affinity": {"nodeAffinity": {}},
        "tolerations": [{"key": "dedicated", "value": "vault", "effect": "NoSchedule"}],
        "nodeSelector": {"pool": "platform"},
        "priorityClassName": "high",
        "resources": {"limits": {"memory": "1Gi"}},
        "podLabels": {"team": "platform"},
        "podAnnotations": {"sidecar.istio.io/inject": False},
    }
    expected = PodSettings(
        affinity={"nodeAffinity": {}},
        tolerations=({"key": "dedicated", "value": "vault", "effect": "NoSchedule"},),
        node_selector={"pool": "platform"},
        priority_class_name="high",
        resources={"limits": {"memory": "1Gi"}},
        labels={"team": "platform"},
        annotations={"sidecar.istio.io/inject": "false"},
    )
    assert parse({**SHAMIR, **given}).pods == expected
    assert parse({**SHAMIR, **given}).injector.pods == PodSettings()
    assert parse({**SHAMIR, "injector": given}).injector.pods == expected
    assert parse({**SHAMIR, "affinity": {}}).pods.affinity == {}


@pytest.mark.parametrize(
    "toleration",
    [
        {"operator": "Exists"},
        {"operator": "Exists", "effect": "NoSchedule"},
        {"key": "dedicated"},
        {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute",
         "tolerationSeconds": 30},
        {"key": "dedicated", "operator": "Equal", "value": "vault", "effect": "PreferNoSchedule"},
    ],
)  # fmt: skip
def test_toleration_is_taken_over_as_it_is(toleration: Mapping[str, Any]) -> None:
    assert parse({**SHAMIR, "tolerations": [toleration]}).pods.tolerations == (toleration,)


def test_number_of_a_taint_is_a_text() -> None:
    """Kubernetes refuses a number there."""
    (toleration,) = parse({**SHAMIR, "tolerations": [{"key": "pool", "value": 1}]}).pods.tolerations
    assert toleration == {"key": "pool", "value": "1"}


@pytest.mark.parametrize(
    ("toleration", "problem"),
    [
        ({"key": "a", "effect": "NoSchedul"}, '[0].effect is "NoSchedul": use NoSchedule, PreferNo'),
        ({"key": "a", "operator": "exists"}, '[0].operator is "exists": use Equal or Exists'),
        ({"key": "a", "operator": "Exists", "value": "b"}, '[0].value is "b": operator Exists tole'),
        ({"value": "b"}, "[0].key is not set: give the key of a taint, or set operator to Exists"),
        ({"key": "not a key"}, '[0].key is "not a key": give the key of a taint'),
        ({"key": "a", "value": True}, "[0].value is true: give the value of a taint"),
        ({"key": "a", "tolerationSeconds": 5}, "[0].tolerationSeconds is 5: it belongs to effect NoExecute"),
        ({"key": "a", "effect": "NoExecute", "tolerationSeconds": "5s"}, "give a number of seconds"),
        ({"key": "a", "efect": "NoExecute"}, "there is no such setting; did you mean effect?"),
        ("dedicated", "give a list of objects, such as {key, effect}"),
    ],
)  # fmt: skip
def test_toleration_that_the_cluster_would_refuse(toleration: Any, problem: str) -> None:
    (found,) = problems({**SHAMIR, "tolerations": [toleration]})
    assert found.startswith(f"{PROJECT}:tolerations")
    assert problem in found


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("affinity", "none", "give an object"),
        ("resources", {"memory": "1Gi"}, "use requests and limits"),
        ("resources", {"limits": "1Gi"}, "use requests and limits"),
        ("priorityClassName", "High", "name a PriorityClass"),
        ("nodeSelector", {"pool": "two words"}, f"entry 'pool': {LABEL_RULE}"),
        ("nodeSelector", {"a pool": "b"}, "entry 'a pool': use a label's name, and its value"),
        ("podLabels", {"team": "-"}, f"entry 'team': {LABEL_RULE}"),
        ("podLabels", {"component": "vault"}, "none that the chart, the program or Vault sets"),
        ("podLabels", {"vault-active": "true"}, "none that the chart, the program or Vault sets"),
        ("podLabels", {"app.kubernetes.io/name": "a"}, "none that the chart, the program or Vault sets"),
        ("podAnnotations", {"vault-autounseal/configuration": "a"}, "none that begins with vault-autounse"),
        ("podAnnotations", {"a b": "c"}, "use an annotation's name"),
        ("topologySpread", {"whenUnsatisfiable": "Never"}, "use ScheduleAnyway or DoNotSchedule"),
        ("topologySpread", {"maxSkew": 0}, "use 1 to 7"),
        ("topologySpread", {"topologyKey": "a zone"}, "name a label of the nodes"),
        ("topologySpread", {"zone": "a"}, "there is no such setting"),
        ("disruptionBudget", {"maxUnavailable": 2}, "use 1 to 1: with more of 3 pods gone raft has no maj"),
        ("disruptionBudget", {"maxUnavailable": 0}, "use 1 to 1"),
        ("disruptionBudget", {"enabled": False, "maxUnavailable": 1}, "there is no budget; remove it"),
        ("logLevel", "verbose", "use trace, debug, info, warn or error"),
        ("logFormat", "text", "use standard or json"),
    ],
)  # fmt: skip
def test_wrong_value_is_told(path: str, value: Any, problem: str) -> None:
    (found,) = problems({**SHAMIR, path: value})
    assert found.startswith(f"{PROJECT}:{path}")
    assert problem in found


def test_label_that_merely_begins_like_an_owned_one_is_free() -> None:
    labels = {"component.example.com/part": "a", "vault-active-since": "b", "components": "c"}
    assert parse({**SHAMIR, "podLabels": labels}).pods.labels == labels


def test_topology_spread_is_by_zone_and_no_hard_rule_unless_set() -> None:
    assert parse(SHAMIR).topology_spread is None
    assert parse({**SHAMIR, "topologySpread": {}}).topology_spread == TopologySpreadSettings(
        topology_key="topology.kubernetes.io/zone", when_unsatisfiable="ScheduleAnyway", max_skew=1
    )
    given = {"topologyKey": "rack", "whenUnsatisfiable": "DoNotSchedule", "maxSkew": 2}
    assert parse({**SHAMIR, "topologySpread": given}).topology_spread == TopologySpreadSettings(
        topology_key="rack", when_unsatisfiable="DoNotSchedule", max_skew=2
    )


@pytest.mark.parametrize(
    ("replicas", "given", "expected"),
    [
        (3, {}, DisruptionBudgetSettings()),
        (3, {"maxUnavailable": 1}, DisruptionBudgetSettings()),
        (5, {"maxUnavailable": 1}, DisruptionBudgetSettings(max_unavailable=1)),
        (7, {"maxUnavailable": 3}, DisruptionBudgetSettings()),
        (1, {"enabled": False}, DisruptionBudgetSettings(enabled=False)),
    ],
)
def test_disruption_budget(
    replicas: int, given: Mapping[str, Any], expected: DisruptionBudgetSettings
) -> None:
    settings = parse({**SHAMIR, "replicas": replicas, "disruptionBudget": given})
    assert settings.disruption_budget == expected


def test_budget_of_one_replica_can_only_be_removed() -> None:
    """The chart renders 0 for 1 replica, whatever the value is."""
    (problem,) = problems({**SHAMIR, "replicas": 1, "disruptionBudget": {"maxUnavailable": 1}})
    assert "set disruptionBudget.enabled to false to let a drain evict it" in problem


def test_standalone_has_no_budget() -> None:
    (problem,) = problems({**SHAMIR, "mode": "standalone", "disruptionBudget": {"enabled": False}})
    assert "the chart creates no budget in mode standalone" in problem


def test_log() -> None:
    assert parse(SHAMIR).log == LogSettings(level=None, format=None)
    settings = parse({**SHAMIR, "logLevel": "warn", "logFormat": "json"})
    assert settings.log == LogSettings(level="warn", format="json")


@pytest.mark.parametrize(
    ("key", "value", "variable"),
    [("logLevel", "warn", "VAULT_LOG_LEVEL"), ("logFormat", "json", "VAULT_LOG_FORMAT")],
)
def test_log_is_set_once(key: str, value: str, variable: str) -> None:
    both = {**SHAMIR, **nested(key, value), "extraEnvironment": {variable: value}}
    assert problems(both) == [
        f'{PROJECT}:{key} is "{value}": extraEnvironment sets {variable}, too; remove one of the two'
    ]


def test_variable_that_takes_precedence_over_the_seal_is_refused() -> None:
    variables = {"VAULT_LOG_LEVEL": "debug", "VAULT_AWSKMS_SEAL_KEY_ID": "alias/other"}
    (problem,) = problems({**SHAMIR, "extraEnvironment": variables})
    assert problem.startswith(
        f"{PROJECT}:extraEnvironment.VAULT_AWSKMS_SEAL_KEY_ID can't be set: Vault would"
    )
    assert "alias/other" not in problem
