"""Tells the chart's values that reach Vault's pods from the others."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

_OTHERS = (
    "authDelegator",
    "dataStorage",
    "auditStorage",
    "ingress",
    "route",
    "httproute",
    "networkPolicy",
    "service",
    "updateStrategyType",
)
"""Values of `server` that the template of the pods doesn't use, or whose change the StatefulSet refuses."""

_OTHERS_OF_HA = ("disruptionBudget", "replicas")
_CONFIGURED = ("ha", "standalone")


def template_checksum(values: Mapping[str, Any]) -> str:
    """Return a checksum of the values that Vault's pods are made from, but for Vault's configuration.

    Source: the chart's templates `server-statefulset.yaml` and `_helpers.tpl`. Vault's configuration has a
    checksum of its own.
    """
    server = {name: value for name, value in values.get("server", {}).items() if name not in _OTHERS}
    for mode in _CONFIGURED:
        server[mode] = _without_configuration(server.get(mode, {}))
    text = json.dumps({"global": values.get("global"), "server": server}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _without_configuration(values: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in values.items() if name not in ("config", *_OTHERS_OF_HA)}
    if isinstance(raft := kept.get("raft"), Mapping):
        kept["raft"] = {name: value for name, value in raft.items() if name != "config"}
    return kept
