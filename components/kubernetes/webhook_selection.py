"""Finds out which pods the API server asks a webhook about, by the webhook's two selectors."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.kubernetes.kubectl import Kubectl

_CONFIGURATION_KIND = "mutatingwebhookconfiguration.admissionregistration.k8s.io"


@dataclass(frozen=True)
class WebhookSelection:
    """The selectors of a webhook, for pods of one namespace."""

    takes_namespace: bool
    """Whether the webhook is asked about pods of the namespace at all."""
    pod_labels: Mapping[str, str]
    """Labels that a pod needs for it; empty if any will do."""


def webhook_selection(kubectl: Kubectl, configuration: str, namespace: str) -> WebhookSelection:
    """Return the selection of a webhook, which takes every pod if there is no such webhook.

    Raises :class:`KubectlError` if its configuration or the namespace can't be read.
    """
    found = kubectl.get(_CONFIGURATION_KIND, configuration) or {}
    webhook: Mapping[str, Any] = next(iter(found.get("webhooks") or ()), {})
    namespaces = webhook.get("namespaceSelector") or {}
    takes_namespace = True
    if namespaces:
        labels = (kubectl.get("namespace", namespace) or {}).get("metadata", {}).get("labels") or {}
        takes_namespace = selects(namespaces, labels)
    return WebhookSelection(takes_namespace, needed_labels(webhook.get("objectSelector") or {}))


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Return whether a label selector takes an object with these labels."""
    if any(labels.get(name) != value for name, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_meets(rule, labels) for rule in selector.get("matchExpressions") or ())


def _meets(rule: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    found = labels.get(rule["key"])
    match rule["operator"]:
        case "In":
            return found is not None and found in rule["values"]
        case "NotIn":
            return found is None or found not in rule["values"]
        case "Exists":
            return found is not None
        case _:
            return found is None


def needed_labels(selector: Mapping[str, Any]) -> dict[str, str]:
    """Return labels with which an object is taken, as far as it needs any."""
    labels = dict(selector.get("matchLabels") or {})
    for rule in selector.get("matchExpressions") or ():
        if rule["operator"] == "In":
            labels.setdefault(rule["key"], rule["values"][0])
        elif rule["operator"] == "Exists":
            labels.setdefault(rule["key"], "true")
    return labels
