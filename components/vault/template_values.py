"""Tells the chart's values that reach Vault's pods from the others."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

_OTHERS = (
    *("authDelegator", "ingress", "route", "httproute", "networkPolicy", "service", "updateStrategyType"),
    *("serviceAccount.annotations", "serviceAccount.extraLabels", "serviceAccount.create"),
    *("statefulSet.annotations", "ha.disruptionBudget", "ha.replicas"),
    # The StatefulSet refuses a change of these.
    *(
        f"{volume}.{value}"
        for volume in ("dataStorage", "auditStorage")
        for value in ("size", "storageClass", "accessMode", "annotations", "labels")
    ),
    # Vault's configuration.
    *("ha.config", "ha.raft.config", "standalone.config"),
)
"""Paths of values of `server` that the template of the pods doesn't use."""


def template_checksum(values: Mapping[str, Any]) -> str:
    """Return a checksum of the values that Vault's pods are made from, but for Vault's configuration.

    Source: the chart's templates `server-statefulset.yaml` and `_helpers.tpl`. Vault's configuration has a
    checksum of its own.
    """
    server = _without(values.get("server", {}), _OTHERS)
    text = json.dumps({"global": values.get("global"), "server": server}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _without(values: Mapping[str, Any], paths: Sequence[str]) -> dict[str, Any]:
    kept = {}
    for name, value in values.items():
        inside = [path.removeprefix(f"{name}.") for path in paths if path.startswith(f"{name}.")]
        if name not in paths:
            kept[name] = _without(value, inside) if inside and isinstance(value, Mapping) else value
    return kept
