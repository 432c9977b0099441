"""Computes the chart's values for pods and Services; what the settings leave to the chart is left out."""

from collections.abc import Mapping
from typing import Any

from components.settings import PodSettings, Settings
from components.settings.images import ImageSettings, InjectorImageSettings

# What Pod Security "restricted" wants of pods. The user and group are those of the images, which the
# chart's own default names, too: a context that is given takes its place as a whole. Vault needs no
# capability: the chart turns mlock off, and tells the image's entrypoint (SKIP_SETCAP) to set none.
# https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
RESTRICTED_POD: Mapping[str, Any] = {
    "runAsNonRoot": True,
    "runAsUser": 100,
    "runAsGroup": 1000,
    "fsGroup": 1000,
    "seccompProfile": {"type": "RuntimeDefault"},
}
RESTRICTED_CONTAINER: Mapping[str, Any] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
}

# Says whether a server can serve, active or standby. A frozen one is out of the Services 10 s later.
# The chart's own probe starts `vault status` in the container, which takes more of a core the more often.
_READINESS: Mapping[str, Any] = {
    "path": "/v1/sys/health?standbyok=true&perfstandbyok=true&drsecondarycode=200&haunhealthycode=200",
    "periodSeconds": 2,
}
# Ends a process that answers nothing for a minute. Asks what is answered while sealed or not initialised,
# and without the lock that a new leader holds while it reads its leases, for minutes if they are many. A
# large database is opened before the listener is, so the first minutes don't count.
_LIVENESS: Mapping[str, Any] = {
    "enabled": True,
    "path": "/v1/sys/init",
    "initialDelaySeconds": 300,
    "periodSeconds": 10,
    "timeoutSeconds": 10,
    "failureThreshold": 6,
}


def probe_values() -> dict[str, Any]:
    """Return how kubelet finds out which pods serve, and which have to be restarted.

    Source: `http/sys_health.go`, `http/sys_init.go` and `vault/init.go` of Vault 1.18.1; parameters that a
    version doesn't know are ignored.
    """
    return {"readinessProbe": dict(_READINESS), "livenessProbe": dict(_LIVENESS)}


def without_empty(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that say something: an empty one would show as an update, and change nothing."""
    return {name: value for name, value in values.items() if value}


def placement_values(pods: PodSettings) -> dict[str, Any]:
    """Return where the pods are scheduled and what they may use."""
    values = without_empty(
        {
            "tolerations": [dict(toleration) for toleration in pods.tolerations],
            "nodeSelector": dict(pods.node_selector),
            "priorityClassName": pods.priority_class_name,
            "resources": dict(pods.resources),
        }
    )
    if pods.affinity is not None:
        # The chart renders an empty text as no affinity; an empty object would merge with its default.
        values["affinity"] = dict(pods.affinity) or ""
    return values


def image_values(image: ImageSettings | InjectorImageSettings) -> dict[str, Any]:
    """Return an image."""
    pull_policy = image.pull_policy if image.pull_policy != "IfNotPresent" else None
    return without_empty({"repository": image.repository, "tag": image.tag, "pullPolicy": pull_policy})


def topology_values(settings: Settings) -> dict[str, Any]:
    """Return how Vault's pods are spread over zones."""
    spread = settings.topology_spread
    if spread is None:
        return {}
    labels = {
        "app.kubernetes.io/name": "vault",
        "app.kubernetes.io/instance": settings.release_name,
        "component": "server",
    }
    constraint = {
        "maxSkew": spread.max_skew,
        "topologyKey": spread.topology_key,
        "whenUnsatisfiable": spread.when_unsatisfiable,
        "labelSelector": {"matchLabels": labels},
    }
    return {"topologySpreadConstraints": [constraint]}


def disruption_budget_values(settings: Settings) -> dict[str, Any]:
    """Return how many of Vault's pods drains may evict at a time."""
    budget = settings.disruption_budget
    if not budget.enabled:
        return {"disruptionBudget": {"enabled": False}}
    if budget.max_unavailable is None:
        return {}
    return {"disruptionBudget": {"maxUnavailable": budget.max_unavailable}}


def service_values(settings: Settings, proxied: Mapping[str, str]) -> dict[str, Any]:
    """Return the Services of all pods, of the active Vault and of the standbys.

    ``proxied`` are annotations of the one that an Ingress leads to, beneath those of the settings.
    """
    service = settings.service
    has_active = settings.mode == "ha"
    active = {**(proxied if has_active else {}), **service.active_annotations}
    annotations = {**({} if has_active else proxied), **service.annotations}
    values = without_empty(
        {
            "type": service.type if service.type != "ClusterIP" else None,
            "annotations": annotations,
            "active": {"annotations": active} if active else None,
        }
    )
    # A frozen leader keeps the label that the Service of the active Vault selects by.
    return {"service": {"publishNotReadyAddresses": False, **values}}


def ui_values(settings: Settings) -> dict[str, Any]:
    """Return the web interface and its Service."""
    service = settings.ui_service
    return {
        "enabled": settings.ui,
        "publishNotReadyAddresses": False,
        **without_empty(
            {
                "serviceType": service.type if service.type != "ClusterIP" else None,
                "annotations": dict(service.annotations),
                "activeVaultPodOnly": service.active_only,
                "loadBalancerSourceRanges": list(service.load_balancer_source_ranges),
            }
        ),
    }
