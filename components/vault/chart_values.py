"""Computes the values of the official Vault chart from the settings.

Source: the chart's `values.yaml`, versions 0.27 to 0.34.
"""

import copy
from collections.abc import Mapping
from typing import Any

import pulumi
import yaml

from components.chart.default_values import CHART_NAME
from components.chart.value_merge import merge_values, secret_values
from components.errors import SettingsError
from components.seals.seal import PodRequirements
from components.settings import ChartSettings, IngressSettings, Settings, StorageSettings
from components.settings.gateway import GatewaySettings
from components.vault.injector_values import injector_values
from components.vault.pod_values import (
    RESTRICTED_CONTAINER,
    RESTRICTED_POD,
    disruption_budget_values,
    image_values,
    placement_values,
    probe_values,
    service_values,
    topology_values,
    ui_values,
    without_empty,
)
from components.vault.proxy_values import ingress_annotations, service_annotations
from components.vault.server_watch import watch_values
from components.vault.tls_values import agent_environment, pod_address

SECRET_MODE = 0o440
"""Mode of a mounted Secret's files: readable only by Vault's group, which the chart sets."""


def chart_fullname(release_name: str) -> str:
    """Return the name of the chart's objects: the release's name, with "-vault" unless it contains "vault".

    Source: the template `vault.fullname` in the chart's `_helpers.tpl`.
    """
    full = release_name if CHART_NAME in release_name else f"{release_name}-{CHART_NAME}"
    return full[:63].removesuffix("-")


def chart_values(
    settings: Settings,
    *,
    configuration: pulumi.Input[str],
    pods: PodRequirements,
    authority: pulumi.Input[str] | None = None,
) -> dict[str, Any]:
    """Return the values for the settings' mode and configuration, with the pod settings of the seal.

    ``authority`` has the certificates (PEM) by which the injector's agents verify Vault; None without TLS.

    The update strategy stays the chart's OnDelete: with any other one Helm waits at the first installation
    for pods that only the init makes ready.
    """
    values: dict[str, Any] = {
        "global": {"enabled": True, "tlsDisable": not settings.tls.enabled},
        "injector": injector_values(settings.injector, agent_environment(authority)),
        "server": _server(settings, configuration, pods),
        "ui": ui_values(settings),
    }
    if settings.image_pull_secrets:
        values["global"]["imagePullSecrets"] = [{"name": name} for name in settings.image_pull_secrets]
    return values


def with_given_values(own: Mapping[str, Any], chart: ChartSettings) -> dict[str, Any]:
    """Return the program's values with the user's own beneath them.

    Raises :class:`SettingsError` if both have one. If a value of the user's is a secret, all of them are, as
    Pulumi only says that one is.
    """
    problems: list[str] = []
    given = secret_values(chart.values) if chart.secret_values else chart.values
    merged = merge_values(given, own, problems)
    if problems:
        raise SettingsError([f"chart.values.{problem}" for problem in problems])
    return merged


def values_file(values: Mapping[str, Any]) -> str:
    """Return the values as YAML, in which Vault's configuration can be read line by line."""
    return yaml.dump(values, Dumper=_ValuesDumper, sort_keys=False)


class _ValuesDumper(yaml.SafeDumper):
    """Writes a text of several lines as such."""


_ValuesDumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style="|" if "\n" in text else None
    ),
)


def _server(settings: Settings, configuration: pulumi.Input[str], pods: PodRequirements) -> dict[str, Any]:
    return {
        "image": image_values(settings.image),
        "statefulSet": {
            "securityContext": copy.deepcopy({"pod": RESTRICTED_POD, "container": RESTRICTED_CONTAINER})
        },
        "serviceAccount": {
            "create": True,
            "name": settings.service_account,
            "annotations": dict(pods.service_account_annotations),
        },
        "dataStorage": _storage(settings.data_storage),
        "auditStorage": _storage(settings.audit_storage),
        "ingress": _ingress(
            settings.ingress, ingress_annotations(settings, chart_fullname(settings.release_name))
        ),
        **_route(settings.gateway),
        **_mode(settings, configuration),
        **_pods(settings, pods),
        **placement_values(settings.pods),
        **topology_values(settings),
        **service_values(settings, service_annotations(settings)),
        **probe_values(),
        **watch_values(settings),
    }


def _mode(settings: Settings, configuration: pulumi.Input[str]) -> dict[str, Any]:
    if settings.mode == "standalone":
        return {"standalone": {"enabled": True, "config": configuration}, "ha": {"enabled": False}}
    return {
        "standalone": {"enabled": False},
        "ha": {
            "enabled": True,
            "replicas": settings.replicas,
            **without_empty({"apiAddr": pod_address(settings, chart_fullname(settings.release_name))}),
            "raft": {"enabled": True, "setNodeId": True, "config": configuration},
            **disruption_budget_values(settings),
        },
    }


def _pods(settings: Settings, pods: PodRequirements) -> dict[str, Any]:
    """Return what the pods have from the seal and from the settings beside it."""
    values: dict[str, Any] = {
        "enterpriseLicense": (
            {"secretName": settings.license.name, "secretKey": settings.license.key}
            if settings.license is not None
            else None
        ),
        "logLevel": settings.log.level,
        "logFormat": settings.log.format,
        "extraLabels": {**settings.pods.labels, **pods.pod_labels},
        "annotations": {**settings.pods.annotations, **pods.pod_annotations},
        "extraEnvironmentVars": {**pods.environment, **settings.extra_environment},
        "extraSecretEnvironmentVars": [
            {"envName": variable.name, "secretName": variable.secret, "secretKey": variable.key}
            for variable in pods.secret_environment
        ],
        "volumes": [
            *(
                {"name": mount.name, "secret": {"secretName": mount.secret, "defaultMode": SECRET_MODE}}
                for mount in pods.secret_mounts
            ),
            *(
                {"name": mount.name, "projected": {"sources": [_token(mount.audience)]}}
                for mount in pods.token_mounts
            ),
        ],
        "volumeMounts": [
            {"name": name, "mountPath": path, "readOnly": True}
            for name, path in (
                *((mount.name, mount.path) for mount in pods.secret_mounts),
                *((mount.name, mount.path) for mount in pods.token_mounts),
            )
        ],
    }
    return without_empty(values)


def _token(audience: str) -> dict[str, Any]:
    """Return the source of a token, which kubelet renews before its hour is over."""
    return {"serviceAccountToken": {"audience": audience, "expirationSeconds": 3600, "path": "token"}}


def _storage(storage: StorageSettings) -> dict[str, Any]:
    if not storage.enabled:
        return {"enabled": False}
    values: dict[str, Any] = {"enabled": True, "size": storage.size}
    if storage.storage_class is not None:
        values["storageClass"] = storage.storage_class
    return values


def _ingress(ingress: IngressSettings | None, annotations: Mapping[str, str]) -> dict[str, Any]:
    if ingress is None:
        return {"enabled": False}
    values: dict[str, Any] = {
        "enabled": True,
        "activeService": True,
        "pathType": ingress.path_type,
        "hosts": [{"host": ingress.host, "paths": [ingress.path]}],
    }
    if ingress.class_name is not None:
        values["ingressClassName"] = ingress.class_name
    if annotations:
        values["annotations"] = dict(annotations)
    if ingress.tls_secret is not None:
        values["tls"] = [{"secretName": ingress.tls_secret, "hosts": [ingress.host]}]
    return values


def _route(gateway: GatewaySettings | None) -> dict[str, Any]:
    """Return no value without a Gateway, as most versions of the chart don't have any."""
    if gateway is None:
        return {}
    route = {
        "enabled": True,
        "activeService": True,
        "parentRefs": [dict(parent) for parent in gateway.parent_refs],
        "hostnames": list(gateway.hostnames),
    }
    return {"httproute": route}
