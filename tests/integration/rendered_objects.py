"""Parts of the objects that a chart renders."""

from collections.abc import Mapping
from typing import Any

VAULT = ("StatefulSet", "vault")
INJECTOR = ("Deployment", "vault-agent-injector")


def template_of(workload: Mapping[str, Any]) -> dict[str, Any]:
    """The template of the workload's pods."""
    template: dict[str, Any] = workload["spec"]["template"]
    return template


def pod_of(workload: Mapping[str, Any]) -> dict[str, Any]:
    """The specification of the workload's pods."""
    pod: dict[str, Any] = template_of(workload)["spec"]
    return pod


def container_of(workload: Mapping[str, Any]) -> dict[str, Any]:
    """The only container of the workload's pods."""
    container: dict[str, Any]
    (container,) = pod_of(workload)["containers"]
    return container


def environment_of(workload: Mapping[str, Any]) -> dict[str, Any]:
    """The variables of that container: their values, or where they come from."""
    return {
        variable["name"]: variable.get("value", variable.get("valueFrom"))
        for variable in container_of(workload)["env"]
    }
