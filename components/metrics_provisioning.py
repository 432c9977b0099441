"""Has Prometheus read Vault's metrics, and brings alarms and a dashboard along."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pulumi

from components.errors import DeploymentError
from components.kubernetes.kubectl import Kubectl, KubectlError, KubernetesTarget
from components.kubernetes.objects import KubernetesObject
from components.kubernetes_connection import KubernetesConnection
from components.progress import say
from components.server_certificate import ProvisionedCertificate
from components.settings import Settings
from components.settings.metrics import MetricsSettings
from components.vault.alarms import alarm_rules
from components.vault.chart_values import chart_fullname
from components.vault.dashboard import dashboard
from components.vault.metrics_scraping import AUTHORITY_KEY, pod_monitor

API_VERSION = "monitoring.coreos.com/v1"
_KINDS = {"PodMonitor": "podmonitors", "PrometheusRule": "prometheusrules"}
_SETTINGS = {
    "PodMonitor": "metrics.scrape to annotations or none",
    "PrometheusRule": "metrics.rules to false",
}


class OperatorMissingError(DeploymentError):
    """The cluster doesn't know the Prometheus operator's objects."""


def provision_metrics(
    settings: Settings,
    connection: KubernetesConnection,
    namespace: pulumi.Input[str],
    certificate: ProvisionedCertificate,
    *,
    alarms_after: Sequence[pulumi.Resource],
) -> None:
    """Create what the settings want beside the metrics themselves, which Vault's configuration opens.

    Nothing without them. Alarms wait for ``alarms_after``, by which every pod tells its metrics: they would
    sound for those that are still to be replaced, or to be made. Raises, in a preview too,
    :class:`OperatorMissingError` if the cluster doesn't know an object that would be created.
    """
    metrics = settings.metrics
    if metrics is None:
        return
    if settings.network_policy is None:
        pulumi.log.warn(
            "metrics.enabled: every pod of the cluster that reaches Vault's port 8200 reads Vault's metrics "
            "without a token, among them the names of mounts. Set networkPolicy and metrics.from to the "
            "namespace of Prometheus to keep the others out."
        )
    opts = pulumi.ResourceOptions(provider=connection.provider)
    if metrics.scrape == "pod-monitor":
        _monitor(settings, metrics, connection.target, namespace, certificate.authority, opts)
    fullname = chart_fullname(settings.release_name)
    if metrics.rules:
        _object(
            "PrometheusRule",
            "alarms",
            connection.target,
            {
                "metadata": {"name": f"{fullname}-alarms", "namespace": namespace, **_labels(metrics)},
                "spec": _rules(settings, fullname, certificate),
            },
            pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=alarms_after)),
        )
    if metrics.dashboard:
        text = json.dumps(dashboard(settings, fullname), indent=1)
        KubernetesObject(
            "v1",
            "ConfigMap",
            "dashboard",
            {
                "metadata": {
                    "name": f"{fullname}-dashboard",
                    "namespace": namespace,
                    # By it the sidecar of the charts `grafana` and `kube-prometheus-stack` finds it.
                    "labels": {"grafana_dashboard": "1"},
                },
                "data": {f"{settings.namespace}-{fullname}.json": text},
            },
            opts,
        )


def _monitor(
    settings: Settings,
    metrics: MetricsSettings,
    target: KubernetesTarget,
    namespace: pulumi.Input[str],
    authority: pulumi.Input[str] | None,
    opts: pulumi.ResourceOptions,
) -> None:
    fullname = chart_fullname(settings.release_name)
    authority_map = f"{fullname}-metrics-ca"
    needed: Sequence[pulumi.Resource] = ()
    if authority is not None:
        needed = [
            KubernetesObject(
                "v1",
                "ConfigMap",
                "metrics-ca",
                {
                    "metadata": {"name": authority_map, "namespace": namespace},
                    "data": {AUTHORITY_KEY: authority},
                },
                opts,
            )
        ]
    _object(
        "PodMonitor",
        "pod-monitor",
        target,
        {
            "metadata": {"name": f"{fullname}-server", "namespace": namespace, **_labels(metrics)},
            "spec": pod_monitor(settings, fullname, authority_map),
        },
        pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=needed)),
    )


def _rules(settings: Settings, fullname: str, certificate: ProvisionedCertificate) -> pulumi.Input[Any]:
    """Return the rules; on the end of the stack's own certificate, which only the stack renews."""
    ends = certificate.outputs.get("tls_not_after")
    if settings.tls.source != "own" or ends is None:
        return alarm_rules(settings, fullname)
    return ends.apply(
        lambda end: alarm_rules(settings, fullname, int(datetime.fromisoformat(end).timestamp()))
    )


def _labels(metrics: MetricsSettings) -> dict[str, Any]:
    return {"labels": dict(metrics.labels)} if metrics.labels else {}


def _object(
    kind: str,
    name: str,
    target: KubernetesTarget,
    properties: dict[str, Any],
    opts: pulumi.ResourceOptions,
) -> KubernetesObject:
    def require(_: pulumi.ResourceHookArgs) -> None:
        require_operator(target, kind)

    hook = pulumi.ResourceHook(
        f"before-{name}-is-created", require, pulumi.ResourceHookOptions(on_dry_run=True)
    )
    hooks = pulumi.ResourceOptions(hooks=pulumi.ResourceHookBinding(before_create=[hook]))
    return KubernetesObject(API_VERSION, kind, name, properties, pulumi.ResourceOptions.merge(opts, hooks))


def require_operator(target: KubernetesTarget, kind: str) -> None:
    """Raise :class:`OperatorMissingError` if the API server doesn't know objects of that kind."""
    try:
        answer = Kubectl(target).run(["get", "--raw", f"/apis/{API_VERSION}"])
    except KubectlError as error:
        if error.reason != "NotFound":
            say(f"Whether the cluster knows the kind {kind} can't be seen: {error}")
            return
        answer = "{}"
    known = {str(resource.get("name")) for resource in json.loads(answer).get("resources", ())}
    if _KINDS[kind] not in known:
        raise OperatorMissingError(
            f"The cluster doesn't know the kind {kind} of {API_VERSION}, so it was not created. Install the "
            "definitions of the Prometheus operator (the chart kube-prometheus-stack has them), or set "
            f"{_SETTINGS[kind]} (docs/metrics.md)."
        )
