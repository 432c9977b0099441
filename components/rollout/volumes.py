"""Compares the volumes of Vault's StatefulSet, which Kubernetes never changes, with those of the settings."""

from collections.abc import Mapping
from typing import Any

from components.config.quantity import quantity_bytes
from components.vault.pod_access import PodAccess

_SETTINGS = {"data": "dataStorage", "audit": "auditStorage"}


def changed_volume(access: PodAccess, volumes: Mapping[str, Mapping[str, str]]) -> str | None:
    """Return why the StatefulSet can't have these volumes; None if it has them, or doesn't exist.

    ``volumes`` has size and storage class (empty for the cluster's default) by the chart's name of the
    volume. Raises :class:`KubectlError`.
    """
    stateful_set = access.kubectl.get("statefulset", access.statefulset)
    if stateful_set is None:
        return None
    present = {
        template["metadata"]["name"]: template["spec"]
        for template in stateful_set["spec"].get("volumeClaimTemplates") or ()
    }
    problems = []
    for name, setting in _SETTINGS.items():
        wanted, found = volumes.get(name), present.get(name)
        if (wanted is None) != (found is None):
            problems.append(f"{setting}.enabled was {str(found is not None).lower()}")
        elif wanted is not None and found is not None:
            problems += _differences(setting, wanted, found)
    if not problems:
        return None
    return (
        f"{', '.join(problems)}, and Kubernetes refuses such a change of a StatefulSet. Nothing was changed. "
        "Set it back; docs/operations.md#what-cant-be-changed says how volumes grow"
    )


def _differences(setting: str, wanted: Mapping[str, str], found: Mapping[str, Any]) -> list[str]:
    problems = []
    size = str(found["resources"]["requests"]["storage"])
    if size != wanted["size"] and quantity_bytes(size) != quantity_bytes(wanted["size"]):
        problems.append(f"{setting}.size was {size}")
    storage_class = str(found.get("storageClassName") or "")
    if storage_class != wanted["storage_class"]:
        problems.append(f"{setting}.storageClass was {storage_class or 'not set'}")
    return problems
