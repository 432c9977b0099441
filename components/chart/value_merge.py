"""Merges a user's own values of the chart under those that the program sets."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

JOINED: Mapping[str, str] = {
    "server.volumes": "name",
    "server.volumeMounts": "mountPath",
    "server.extraContainers": "name",
    "server.extraInitContainers": "name",
    "server.extraSecretEnvironmentVars": "envName",
}
"""Lists that both may fill, each with the name that tells its entries apart."""

CONTINUED = ("server.postStart",)
"""Commands of the program that run a further one, which is their last arguments."""

OVERRIDABLE = (
    "injector.startupProbe",
    "injector.readinessProbe",
    "injector.securityContext",
    "server.statefulSet.securityContext",
    "server.readinessProbe",
    "server.livenessProbe",
    "server.service.publishNotReadyAddresses",
    "ui.publishNotReadyAddresses",
)
"""Values for which the program only has better defaults than the chart."""

_POD_SETTINGS: Mapping[str, str] = {
    "tolerations": "tolerations",
    "nodeSelector": "nodeSelector",
    "priorityClassName": "priorityClassName",
    "resources": "resources",
    "affinity": "affinity",
    "extraLabels": "podLabels",
    "annotations": "podAnnotations",
}
SETTINGS: Mapping[str, str] = {
    **{f"server.{value}": setting for value, setting in _POD_SETTINGS.items()},
    **{f"injector.{value}": f"injector.{setting}" for value, setting in _POD_SETTINGS.items()},
    "global.imagePullSecrets": "imagePullSecrets",
    "server.image.pullPolicy": "image.pullPolicy",
    "server.topologySpreadConstraints": "topologySpread",
    "server.service.type": "service.type",
    "server.service.annotations": "service.annotations",
    "server.service.active.annotations": "service.activeAnnotations",
    "ui.serviceType": "uiService.type",
    "ui.annotations": "uiService.annotations",
    "ui.activeVaultPodOnly": "uiService.activeOnly",
    "ui.loadBalancerSourceRanges": "uiService.loadBalancerSourceRanges",
    "injector.image": "injector.image",
    "injector.replicas": "injector.replicas",
}
"""Values that the program leaves to the chart and to `chart.values` unless this setting is given."""


def merge_values(
    given: Mapping[str, Any], own: Mapping[str, Any], problems: list[str], path: str = ""
) -> dict[str, Any]:
    """Return the program's own values with the given ones beneath them.

    Objects are merged deeply, lists of :data:`JOINED` and :data:`CONTINUED` joined with the program's entries
    first, all others are one side's. If both have a value, ``problems`` gets a text, unless it is
    :data:`OVERRIDABLE`. None stays, by which Helm removes the chart's default.
    """
    merged = dict(own)
    for name, value in given.items():
        inner = f"{path}{name}"
        if name not in own:
            merged[name] = value
        elif isinstance(value, Mapping) and isinstance(own[name], Mapping):
            merged[name] = merge_values(value, own[name], problems, f"{inner}.")
        elif inner in JOINED and isinstance(value, Sequence) and not isinstance(value, str):
            merged[name] = _joined(value, own[name], inner, problems)
        elif inner in CONTINUED and isinstance(value, Sequence) and not isinstance(value, str):
            merged[name] = [*own[name], *value]
        elif any(_is_within(inner, overridable) for overridable in OVERRIDABLE):
            merged[name] = value
        else:
            problems.append(f"{inner} is set already by {_owner(inner)}; remove it here")
    return merged


def _owner(path: str) -> str:
    setting = next((setting for value, setting in SETTINGS.items() if _is_within(path, value)), None)
    return "the program" if setting is None else f"the setting {setting} or the program"


def _is_within(path: str, value: str) -> bool:
    return f"{path}.".startswith(f"{value}.")


def _joined(
    given: Sequence[Any], own: Sequence[Mapping[str, Any]], path: str, problems: list[str]
) -> list[Any]:
    key = JOINED[path]
    taken = {entry[key] for entry in own}
    for entry in given:
        if isinstance(entry, Mapping) and entry.get(key) in taken:
            problems.append(
                f"{path} has an entry whose {key} is the program's ({entry[key]}): use another one"
            )
    return [*own, *given]


def secret_values(values: Any, path: str = "") -> Any:
    """Return the values with each single one a secret; names in :data:`JOINED` lists stay readable."""
    if isinstance(values, Mapping):
        return {name: secret_values(value, f"{path}{name}.") for name, value in values.items()}
    if isinstance(values, list):
        key = JOINED.get(path.removesuffix("."), "")
        return [
            {**secret_values(entry), **{name: entry[name] for name in (key,) if name in entry}}
            if isinstance(entry, Mapping)
            else secret_values(entry)
            for entry in values
        ]
    return None if values is None else pulumi.Output.secret(values)
