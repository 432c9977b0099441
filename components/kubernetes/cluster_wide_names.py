"""Finds out whether another Helm release has the names that the chart's objects take in the whole cluster."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from components.kubernetes.kubectl import Kubectl, KubernetesTarget

RELEASE_NAME = "meta.helm.sh/release-name"
RELEASE_NAMESPACE = "meta.helm.sh/release-namespace"
"""Annotations by which Helm knows what it may change (helm, pkg/action/validate.go)."""


def cluster_wide_objects(fullname: str) -> Sequence[str]:
    """Return the chart's objects that belong to no namespace, for kubectl."""
    roles = "rbac.authorization.k8s.io"
    return (
        f"clusterrole.{roles}/{fullname}-agent-injector-clusterrole",
        f"clusterrolebinding.{roles}/{fullname}-agent-injector-binding",
        f"clusterrolebinding.{roles}/{fullname}-server-binding",
        f"mutatingwebhookconfiguration.admissionregistration.k8s.io/{fullname}-agent-injector-cfg",
    )


def taken_name(target: KubernetesTarget, fullname: str, release_name: str) -> str | None:
    """Return which object isn't the release's, and whose it is; None if the release can have all names.

    Raises :class:`KubectlError` if they can't be read.
    """
    answer = Kubectl(target).run(
        [
            *("get", *cluster_wide_objects(fullname)),
            *("--ignore-not-found", "--output=json", "--request-timeout=10s"),
        ]
    )
    found = json.loads(answer) if answer.strip() else {"items": []}
    items: Sequence[Mapping[str, Any]] = found.get("items", [found])
    for item in items:
        metadata = item["metadata"]
        annotations = metadata.get("annotations") or {}
        owner = annotations.get(RELEASE_NAME), annotations.get(RELEASE_NAMESPACE)
        if owner == (release_name, target.namespace):
            continue
        whose = f"belongs to the Helm release {owner[0]} in namespace {owner[1]}"
        return f"{item['kind']} {metadata['name']} {whose if all(owner) else 'exists, and no release has it'}"
    return None
