"""Reads how Vault's metrics are scraped, and what is made of them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from components.config.patterns import DNS_LABEL
from components.config.reader import ConfigReader
from components.settings.network_policy import NetworkPolicySettings
from components.settings.pods import read_labels
from components.settings.server_configuration import ListenerSettings

Scrape = Literal["pod-monitor", "annotations", "none"]
_SCRAPES: Sequence[Scrape] = ("pod-monitor", "annotations", "none")
_DETAILS = ("scrape", "rules", "dashboard", "labels", "from")
SCRAPE_ANNOTATIONS = "prometheus.io/"
"""What the annotations begin with by which a Prometheus without the operator finds pods."""


@dataclass(frozen=True)
class MetricsSettings:
    """Vault's metrics, which each pod shows without a token."""

    scrape: Scrape
    """How Prometheus finds the pods: by a PodMonitor, by annotations, or by a configuration of its own."""
    rules: bool
    """Whether there is a PrometheusRule with the alarms."""
    dashboard: bool
    """Whether there is a ConfigMap with a dashboard for Grafana."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Labels of PodMonitor and PrometheusRule, by which a Prometheus selects its own."""
    namespaces: Sequence[str] = ()
    """Namespaces that the NetworkPolicy lets through to Vault's pods."""


def read_metrics(
    settings: ConfigReader,
    *,
    policy: NetworkPolicySettings | None,
    annotations: Mapping[str, str],
    chart_values: Mapping[str, Any],
) -> MetricsSettings | None:
    """Read ``metrics``; None unless they are enabled.

    ``annotations`` are the user's own of Vault's pods, and ``chart_values`` those that the chart is given.
    """
    reader = settings.section("metrics")
    enabled = reader.flag("enabled", False)
    scrape = reader.choice(
        "scrape", "pod-monitor", _SCRAPES, "with none Prometheus has to be told of the pods by yourself"
    )
    metrics = MetricsSettings(
        scrape=scrape,
        rules=reader.flag("rules", scrape == "pod-monitor"),
        dashboard=reader.flag("dashboard", True),
        labels=read_labels(reader, "labels"),
        namespaces=_namespaces(reader),
    )
    if enabled:
        _require_way(reader, metrics, policy)
        _refuse_second_scrape(settings, reader, metrics, annotations, chart_values)
    else:
        reader.not_applicable(_DETAILS, "without metrics.enabled: true there are no metrics; set it, too")
    reader.unknown_keys()
    return metrics if enabled else None


def with_metrics(
    reader: ConfigReader, listener: ListenerSettings, metrics: MetricsSettings | None
) -> ListenerSettings:
    """Return the listener, which ``reader`` was read for, with metrics for all if there are any."""
    if metrics is None:
        return listener
    key = "unauthenticatedMetricsAccess"
    if reader.has(key) and not listener.unauthenticated_metrics:
        reader.report(
            key, "metrics.enabled has each pod show its metrics without a token; remove one of the two"
        )
    return replace(listener, unauthenticated_metrics=True)


def _namespaces(reader: ConfigReader) -> Sequence[str]:
    fix = "give a list of namespaces, such as [monitoring]"
    namespaces = reader.texts("from", fix)
    if not all(re.fullmatch(DNS_LABEL, name) for name in namespaces):
        reader.report("from", fix)
    return namespaces


def _require_way(
    reader: ConfigReader, metrics: MetricsSettings, policy: NetworkPolicySettings | None
) -> None:
    """Report a Prometheus that the NetworkPolicy keeps out, and namespaces without such a policy."""
    if policy is None:
        reader.not_applicable(
            ("from",),
            "without networkPolicy every namespace reads the metrics; set networkPolicy: {} as well",
        )
    elif not (metrics.namespaces or policy.clients or policy.client_ranges):
        reader.report("from", "networkPolicy keeps Prometheus from Vault's pods; name its namespace")


def _refuse_second_scrape(
    settings: ConfigReader,
    reader: ConfigReader,
    metrics: MetricsSettings,
    annotations: Mapping[str, str],
    chart_values: Mapping[str, Any],
) -> None:
    """Report what else would have Prometheus read the pods, or have the alarms a second time."""
    if metrics.scrape == "annotations" and any(name.startswith(SCRAPE_ANNOTATIONS) for name in annotations):
        settings.report(
            "podAnnotations", f"metrics.scrape sets the annotations {SCRAPE_ANNOTATIONS}*; remove them here"
        )
    telemetry = chart_values.get("serverTelemetry")
    for name, made in (
        ("serviceMonitor", metrics.scrape == "pod-monitor"),
        ("prometheusRules", metrics.rules),
    ):
        chart = telemetry.get(name) if isinstance(telemetry, dict) else None
        if made and isinstance(chart, dict) and chart.get("enabled"):
            what = "scrape" if name == "serviceMonitor" else "rules"
            reader.report(what, f"chart.values.serverTelemetry.{name} does the same; remove one of the two")
