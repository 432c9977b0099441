"""Computes the chart's values for the agent injector."""

import copy
from collections.abc import Mapping
from typing import Any

import pulumi

from components.settings import InjectorSettings
from components.vault.pod_values import RESTRICTED_POD, image_values, placement_values, without_empty

# The injector's own pods couldn't start while no injector answers, nor the Vault that its agents go to.
_NOT_OWN_PODS: Mapping[str, Any] = {
    "key": "app.kubernetes.io/name",
    "operator": "NotIn",
    "values": ["vault-agent-injector", "vault"],
}
# With failurePolicy Fail a new node couldn't run what an injector needs there, such as the network plugin.
_NOT_SYSTEM: Mapping[str, Any] = {
    "matchExpressions": [
        {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system"]}
    ]
}


def injector_values(
    injector: InjectorSettings, environment: Mapping[str, pulumi.Input[str]] | None = None
) -> dict[str, Any]:
    """Return the values of the injector, which has these variables."""
    return {
        "enabled": injector.enabled,
        "port": injector.port,
        "agentImage": {"repository": injector.agent_image.repository, "tag": injector.agent_image.tag},
        # With the chart's own values an injector that starts within a second is first probed after 5 s
        # and then every 5 s. The time until it counts as failed stays at about a minute.
        "startupProbe": {"initialDelaySeconds": 1, "periodSeconds": 1, "failureThreshold": 60},
        "readinessProbe": {"initialDelaySeconds": 1},
        # Its container's context is restricted by default.
        "securityContext": {"pod": copy.deepcopy(dict(RESTRICTED_POD))},
        **placement_values(injector.pods),
        # Left out at the chart's own values, as an update would show them.
        **without_empty(
            {
                "extraEnvironmentVars": dict(environment or {}),
                "hostNetwork": injector.host_network,
                "image": image_values(injector.image),
                # The chart elects a leader among several.
                "replicas": injector.replicas if injector.replicas > 1 else None,
                "webhook": _webhook(injector),
                "extraLabels": dict(injector.pods.labels),
                "annotations": dict(injector.pods.annotations),
            }
        ),
    }


def _webhook(injector: InjectorSettings) -> dict[str, Any]:
    """Return which pods the webhook is asked about, and what becomes of them while it doesn't answer."""
    fails = injector.failure_policy == "Fail"
    namespaces = injector.namespace_selector or (_NOT_SYSTEM if fails else {})
    objects: dict[str, Any] = {}
    if fails or injector.object_selector:
        given = injector.object_selector
        expressions = [*given.get("matchExpressions", ()), _NOT_OWN_PODS]
        # A selector takes the place of the chart's, which leaves the injector's own pods out.
        objects = {**given, "matchExpressions": expressions}
    return copy.deepcopy(
        without_empty(
            {
                "failurePolicy": "Fail" if fails else None,
                "namespaceSelector": dict(namespaces),
                "objectSelector": objects,
            }
        )
    )
