"""How Vault's metrics are scraped, and which settings don't fit with it."""

from typing import Any

import pytest

from components.settings.metrics import MetricsSettings
from tests.unit.fakes.stack_settings import EKS, PROJECT, SHAMIR, parse, problems

ON: dict[str, Any] = {"enabled": True}


def stack(metrics: Any, **more: Any) -> dict[str, Any]:
    return {**SHAMIR, "metrics": metrics, **more}


def test_metrics_are_off_unless_they_are_enabled() -> None:
    for configuration in (SHAMIR, stack({}), stack({"enabled": False})):
        settings = parse(configuration)
        assert settings.metrics is None
        assert not settings.listener.unauthenticated_metrics


def test_metrics_are_read() -> None:
    settings = parse(stack(ON))
    assert settings.metrics == MetricsSettings("pod-monitor", rules=True, dashboard=True)
    assert settings.listener.unauthenticated_metrics
    every = {
        "enabled": True,
        "scrape": "annotations",
        "rules": True,
        "dashboard": False,
        "labels": {"release": "kube-prometheus-stack"},
        "from": ["monitoring"],
    }
    assert parse(stack(every, networkPolicy={})).metrics == MetricsSettings(
        "annotations",
        rules=True,
        dashboard=False,
        labels={"release": "kube-prometheus-stack"},
        namespaces=("monitoring",),
    )


@pytest.mark.parametrize("scrape", ["annotations", "none"])
def test_without_the_operator_there_are_no_rules_unless_they_are_asked_for(scrape: str) -> None:
    metrics = parse(stack({"enabled": True, "scrape": scrape})).metrics
    assert metrics is not None
    assert not metrics.rules


@pytest.mark.parametrize(
    ("metrics", "more", "key", "fix"),
    [
        ({"enabled": "on"}, {}, "metrics.enabled", "use true or false"),
        ({**ON, "scrape": "pull"}, {}, "metrics.scrape", "use pod-monitor or annotations or none"),
        ({**ON, "labels": {"a": "b c"}}, {}, "metrics.labels", "a label's value"),
        ({**ON, "from": ["A"]}, {"networkPolicy": {}}, "metrics.from", "give a list of namespaces"),
        ({**ON, "interval": "30s"}, {}, "metrics.interval", "there is no such setting"),
        ({"rules": True}, {}, "metrics.rules", "without metrics.enabled: true there are no metrics"),
        ({**ON, "from": ["a"]}, {}, "metrics.from", "without networkPolicy every namespace reads"),
        (ON, {"networkPolicy": {}}, "metrics.from", "networkPolicy keeps Prometheus from Vault's pods"),
        (
            ON,
            {"extraConfig": 'telemetry {\n  statsd_address = "a"\n}'},
            "extraConfig",
            "metrics.enabled writes",
        ),
        (
            ON,
            {"listener": {"unauthenticatedMetricsAccess": False}},
            "listener.unauthenticatedMetricsAccess",
            "metrics.enabled has each pod show its metrics",
        ),
        (
            {**ON, "scrape": "annotations"},
            {"podAnnotations": {"prometheus.io/scrape": "true"}},
            "podAnnotations",
            "metrics.scrape sets the annotations",
        ),
        (
            ON,
            {"chart": {"values": {"serverTelemetry": {"serviceMonitor": {"enabled": True}}}}},
            "metrics.scrape",
            "chart.values.serverTelemetry.serviceMonitor does the same",
        ),
        (
            ON,
            {"chart": {"values": {"serverTelemetry": {"prometheusRules": {"enabled": True}}}}},
            "metrics.rules",
            "chart.values.serverTelemetry.prometheusRules does the same",
        ),
    ],
)
def test_what_does_not_fit_is_told(metrics: Any, more: dict[str, Any], key: str, fix: str) -> None:
    (problem,) = problems(stack(metrics, **more))
    assert problem.startswith(f"{PROJECT}:{key} is ")
    assert fix in problem


@pytest.mark.parametrize("policy", [{"clients": ["monitoring"]}, {"clientRanges": ["10.0.0.0/8"]}])
def test_prometheus_may_be_among_the_clients(policy: dict[str, Any]) -> None:
    assert parse(stack(ON, networkPolicy=policy)).metrics


def test_what_has_nothing_to_do_with_it_stays_allowed() -> None:
    telemetry = {"extraConfig": "telemetry {\n  disable_hostname = true\n}"}
    assert parse({**SHAMIR, **telemetry}).extra_configuration.text
    marked = {"podAnnotations": {"prometheus.io/scrape": "true"}}
    assert parse(stack({"enabled": True, "scrape": "none"}, **marked)).metrics
    chart = {"chart": {"values": {"serverTelemetry": {"serviceMonitor": {"enabled": True}}}}}
    assert parse(stack({"enabled": True, "scrape": "none"}, **chart)).metrics
    assert parse({**EKS, "metrics": ON, "listener": {"unauthenticatedMetricsAccess": True}}).metrics
