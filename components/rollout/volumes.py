"""Compares the volumes of Vault's StatefulSet, which Kubernetes never changes, with those of the settings."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from components.config.quantity import quantity_bytes
from components.vault.pod_access import PodAccess

if TYPE_CHECKING:
    # The provider host loads this module, and has no use for what the program alone needs.
    from components.settings import Settings

_SETTINGS = {"data": "dataStorage", "audit": "auditStorage"}
_GIVEN: Mapping[str, Any] = {"accessMode": "ReadWriteOnce", "labels": {}, "annotations": {}}
"""Values of the chart that the program leaves to `chart.values`, with the chart's defaults."""


def wanted_volumes(settings: "Settings") -> Mapping[str, Mapping[str, Any]]:
    """Return what the settings say of each volume, by the chart's name of it.

    That is its size and storage class (empty for the cluster's default) and, if `chart.values` has them and
    none of it is a secret, its access mode, labels and annotations.
    """
    server = {} if settings.chart.secret_values else settings.chart.values.get("server", {})
    return {
        name: {
            "size": storage.size,
            "storage_class": storage.storage_class or "",
            **{key: value for key, value in server.get(_SETTINGS[name], {}).items() if key in _GIVEN},
        }
        for name, storage in (("data", settings.data_storage), ("audit", settings.audit_storage))
        if storage.enabled
    }


def changed_volume(access: PodAccess, volumes: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Return why the StatefulSet can't have these volumes; None if it has them, or doesn't exist.

    ``volumes`` are as :func:`wanted_volumes` returns them. Raises :class:`KubectlError`.
    """
    stateful_set = access.kubectl.get("statefulset", access.statefulset)
    if stateful_set is None:
        return None
    present = {
        template["metadata"]["name"]: template
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


def _differences(setting: str, wanted: Mapping[str, Any], template: Mapping[str, Any]) -> list[str]:
    problems, found = [], template["spec"]
    size = str(found["resources"]["requests"]["storage"])
    if size != wanted["size"] and quantity_bytes(size) != quantity_bytes(wanted["size"]):
        problems.append(f"{setting}.size was {size}")
    storage_class = str(found.get("storageClassName") or "")
    if storage_class != wanted["storage_class"]:
        problems.append(f"{setting}.storageClass was {storage_class or 'not set'}")
    present = {
        "accessMode": (found.get("accessModes") or ["ReadWriteOnce"])[0],
        **{key: template["metadata"].get(key) or {} for key in ("labels", "annotations")},
    }
    for key, default in _GIVEN.items():
        value = wanted.get(key) or default
        # As a text it is a template, which only Helm renders.
        if isinstance(value, type(default)) and value != present[key]:
            problems.append(f"server.{setting}.{key} of chart.values was {present[key] or 'not set'}")
    return problems
