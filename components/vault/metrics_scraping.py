"""Computes how Prometheus finds Vault's pods and reads their metrics."""

from collections.abc import Mapping
from typing import Any

from components.settings import Settings
from components.settings.metrics import SCRAPE_ANNOTATIONS
from components.vault.ports import API_PORT
from components.vault.tls_values import server_names
from components.vault.traffic_policy import server_labels

METRICS_PATH = "/v1/sys/metrics"
AUTHORITY_KEY = "ca.crt"


def scrape_annotations(settings: Settings) -> Mapping[str, str]:
    """Return the annotations of Vault's pods by which a Prometheus without the operator finds them.

    Source: the job `kubernetes-pods` of the chart `prometheus` (prometheus-community/helm-charts).
    """
    if settings.metrics is None or settings.metrics.scrape != "annotations":
        return {}
    values = {
        "scrape": "true",
        "scheme": "https" if settings.tls.enabled else "http",
        "port": str(API_PORT),
        "path": METRICS_PATH,
        "param_format": "prometheus",
    }
    return {f"{SCRAPE_ANNOTATIONS}{name}": value for name, value in values.items()}


def pod_monitor(settings: Settings, fullname: str, authority_map: str) -> Mapping[str, Any]:
    """Return the specification of a PodMonitor in Vault's namespace.

    ``authority_map`` is the ConfigMap with the certificates by which Vault is verified, if it speaks TLS.
    Each pod is reached at its address, which is in no certificate, so it is verified by the name that all
    have.

    Source: the Prometheus operator's document of its API, monitoring.coreos.com/v1.
    """
    scheme = "https" if settings.tls.enabled else "http"
    endpoint: dict[str, Any] = {
        # The chart names the port by its scheme.
        "port": scheme,
        "scheme": scheme,
        "path": METRICS_PATH,
        "params": {"format": ["prometheus"]},
    }
    if settings.tls.enabled:
        endpoint["tlsConfig"] = {
            "serverName": server_names(settings, fullname).verified,
            "ca": {"configMap": {"name": authority_map, "key": AUTHORITY_KEY}},
        }
    return {
        "selector": {"matchLabels": dict(server_labels(settings.release_name))},
        "podMetricsEndpoints": [endpoint],
    }
