"""Lists the chart's values that the program sets itself, each with what to set instead.

With a value of somebody else there, Vault would be another one than the one that is initialised and verified.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from components.chart.owned_variables import variable_problem

OWNED: Mapping[str, str] = {
    "global.enabled": "the chart is always installed as a whole; remove it",
    "global.namespace": "use namespace",
    "global.externalVaultAddr": "the injector's agents use the Vault that this stack installs; remove it",
    "global.tlsDisable": "use tls.source",
    "nameOverride": "use releaseName",
    "fullnameOverride": "use releaseName",
    "injector.enabled": "use injector.enabled",
    "injector.port": "use injector.port",
    "injector.hostNetwork": "use injector.hostNetwork",
    "injector.externalVaultAddr": "the agents use the Vault that this stack installs; remove it",
    "injector.agentImage": "use injector.agentImage",
    **{
        f"injector.{outer}{name}": f"use injector.{name}, which leaves the chart's own pods out"
        for name in ("failurePolicy", "namespaceSelector", "objectSelector")
        for outer in ("", "webhook.")
    },
    "server.enabled": "Vault is always installed; remove it",
    "server.image.repository": "use image.repository",
    "server.image.tag": "use image.tag",
    "server.logLevel": "use logLevel",
    "server.logFormat": "use logFormat",
    "server.enterpriseLicense": "use license",
    "server.updateStrategyType": "it stays OnDelete, as only an unsealed Vault may be followed; remove it",
    "server.extraEnvironmentVars": "use extraEnvironment",
    "server.serviceAccount.create": "the seal's identity is bound to the chart's service account; remove it",
    "server.serviceAccount.name": "use serviceAccount",
    "server.dataStorage.enabled": "Vault's storage can't do without its volume; remove it",
    "server.dataStorage.size": "use dataStorage.size",
    "server.dataStorage.storageClass": "use dataStorage.storageClass",
    "server.dataStorage.mountPath": "Vault's configuration names the path; remove it",
    "server.auditStorage.enabled": "use auditStorage.enabled",
    "server.auditStorage.size": "use auditStorage.size",
    "server.auditStorage.storageClass": "use auditStorage.storageClass",
    "server.persistentVolumeClaimRetentionPolicy": "it could delete Vault's volumes; remove it",
    "server.ingress.enabled": "use ingress",
    "server.ingress.activeService": "use ingress, which leads to the active Vault",
    "server.ingress.pathType": "use ingress.pathType",
    "server.ingress.hosts": "use ingress.host and ingress.path",
    "server.ingress.ingressClassName": "use ingress.className",
    "server.ingress.annotations": "use ingress.annotations",
    "server.ingress.tls": "use ingress.tlsSecret",
    "server.httproute.enabled": "use gateway",
    "server.httproute.activeService": "use gateway, which leads to the active Vault",
    "server.httproute.parentRefs": "use gateway.parentRefs",
    "server.httproute.hostnames": "use gateway.hostnames",
    "server.service.enabled": "Vault's pods find each other by it; remove it",
    "server.service.active.enabled": "Vault's pods join by it; remove it",
    "server.service.port": "Vault's pods join at port 8200; remove it",
    "server.service.targetPort": "Vault listens on port 8200; remove it",
    "server.dev": "a development server keeps nothing; remove it",
    "server.standalone": "use mode: standalone",
    "server.ha.enabled": "use mode",
    "server.ha.replicas": "use replicas",
    "server.ha.disruptionBudget": "use disruptionBudget",
    "server.ha.apiAddr": "the pods' addresses are the chart's; remove it",
    "server.ha.clusterAddr": "Vault's pods find each other by their own names; remove it",
    "server.ha.raft": "use raft; the rest of Vault's configuration is the program's",
    "server.ha.config": "Vault's storage is raft; use raft",
    "ui.enabled": "use ui",
}
"""Path of a value, its names joined by dots, and what to do instead."""

_CONFIGURATION = re.compile(r"(?<!\S)--?(?:config|dev)\b[^\s=]*")
"""Arguments of `vault server` with which it has another configuration, too, or another one altogether."""


def owned_problems(values: Mapping[str, Any]) -> Sequence[str]:
    """Return a problem for each of the values that the program owns, also those that would be removed.

    So is what brings another configuration along: arguments and variables of the server.
    """
    owned = [f"{path} can't be set here: {fix}" for path, fix in OWNED.items() if _touches(values, path)]
    server = values.get("server")
    return [*owned, *_other_configuration(server)] if isinstance(server, Mapping) else owned


def _other_configuration(server: Mapping[str, Any]) -> Iterator[str]:
    if found := _CONFIGURATION.search(str(server.get("extraArgs") or "")):
        yield f"server.extraArgs can't have {found[0]}: the configuration is the program's; use extraConfig"
    variables = server.get("extraSecretEnvironmentVars")
    for variable in variables if isinstance(variables, Sequence) else ():
        name = variable.get("envName") if isinstance(variable, Mapping) else None
        if isinstance(name, str) and (fix := variable_problem(name)):
            yield f"server.extraSecretEnvironmentVars can't have {name}: {fix}"


def _touches(values: Any, path: str) -> bool:
    """Return whether the value at the path is given, or all that it is a part of is replaced."""
    name, _, rest = path.partition(".")
    if not isinstance(values, Mapping):
        return True
    if name not in values:
        return False
    return not rest or _touches(values[name], rest)
