"""How Prometheus finds Vault's pods."""

from typing import Any

from components.vault.metrics_scraping import pod_monitor, scrape_annotations
from tests.unit.fakes.stack_settings import SHAMIR as OVER_TLS
from tests.unit.fakes.stack_settings import parse

SHAMIR = {**OVER_TLS, "tls": {"source": "none"}}

ANNOTATIONS = {
    "prometheus.io/scrape": "true",
    "prometheus.io/scheme": "http",
    "prometheus.io/port": "8200",
    "prometheus.io/path": "/v1/sys/metrics",
    "prometheus.io/param_format": "prometheus",
}
TLS: dict[str, Any] = {"tls": {"source": "own"}}


def annotations(scrape: str, **more: Any) -> Any:
    return scrape_annotations(parse({**SHAMIR, "metrics": {"enabled": True, "scrape": scrape}, **more}))


def test_annotations_lead_a_prometheus_without_the_operator() -> None:
    assert annotations("annotations") == ANNOTATIONS
    assert annotations("annotations", **TLS) == {**ANNOTATIONS, "prometheus.io/scheme": "https"}
    assert annotations("pod-monitor") == annotations("none") == scrape_annotations(parse(SHAMIR)) == {}


def test_pod_monitor_selects_the_servers_alone() -> None:
    settings = parse({**SHAMIR, "releaseName": "secrets", "metrics": {"enabled": True}})
    assert pod_monitor(settings, "secrets-vault", "unused") == {
        "selector": {
            "matchLabels": {
                "app.kubernetes.io/name": "vault",
                "app.kubernetes.io/instance": "secrets",
                "component": "server",
            }
        },
        "podMetricsEndpoints": [
            {
                "port": "http",
                "scheme": "http",
                "path": "/v1/sys/metrics",
                "params": {"format": ["prometheus"]},
            }
        ],
    }


def test_pod_monitor_verifies_each_pod_by_the_name_that_all_have() -> None:
    settings = parse({**SHAMIR, **TLS, "metrics": {"enabled": True}})
    (endpoint,) = pod_monitor(settings, "vault", "vault-metrics-ca")["podMetricsEndpoints"]
    assert (endpoint["port"], endpoint["scheme"]) == ("https", "https")
    assert endpoint["tlsConfig"] == {
        "serverName": "vault-active.vault.svc",
        "ca": {"configMap": {"name": "vault-metrics-ca", "key": "ca.crt"}},
    }
