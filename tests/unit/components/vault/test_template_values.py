"""A change of the chart's values makes pods outdated if their template uses the value."""

import copy
from typing import Any

import pytest

from components.vault.template_values import template_checksum

VALUES: dict[str, Any] = {
    "global": {"tlsDisable": True},
    "injector": {"enabled": True},
    "server": {
        "image": {"tag": "1.18.1"},
        "resources": {},
        "service": {"annotations": {}},
        "dataStorage": {"size": "10Gi"},
        "auditStorage": {"size": "10Gi", "mountPath": "/vault/audit"},
        "serviceAccount": {"name": "vault", "annotations": {}},
        "statefulSet": {"securityContext": {}},
        "ha": {
            "enabled": True,
            "replicas": 3,
            "disruptionBudget": {"enabled": True},
            "raft": {"enabled": True, "config": "ui = true"},
        },
        "standalone": {"enabled": False, "config": ""},
    },
    "ui": {"enabled": True},
}


def with_value(path: str, value: Any) -> dict[str, Any]:
    values = copy.deepcopy(VALUES)
    *folders, name = path.split(".")
    inner = values
    for folder in folders:
        inner = inner[folder]
    inner[name] = value
    return values


@pytest.mark.parametrize(
    "path",
    ["server.image.tag", "server.resources", "server.tolerations", "server.ha.enabled",
     "server.ha.raft.enabled", "global.imagePullSecrets", "server.extraContainers",
     "server.auditStorage.mountPath", "server.serviceAccount.name"],
)  # fmt: skip
def test_values_of_pods_count(path: str) -> None:
    assert template_checksum(with_value(path, "other")) != template_checksum(VALUES)


@pytest.mark.parametrize(
    "path",
    ["injector.enabled", "ui.enabled", "server.service.annotations", "server.dataStorage.size",
     "server.ingress", "server.httproute", "server.ha.replicas", "server.ha.disruptionBudget",
     "server.ha.raft.config",
     "server.standalone.config", "server.networkPolicy",
     "server.serviceAccount.annotations", "server.statefulSet.annotations", "server.auditStorage.size"],
)  # fmt: skip
def test_values_of_other_objects_do_not(path: str) -> None:
    assert template_checksum(with_value(path, "other")) == template_checksum(VALUES)


def test_order_of_the_values_does_not_count() -> None:
    assert template_checksum(dict(reversed(VALUES.items()))) == template_checksum(VALUES)
