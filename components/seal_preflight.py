"""Proves before the init that Vault can use its seal. A further seal is a module and a row here."""

import importlib
from collections.abc import Mapping
from typing import Any, Protocol

from components.journal_cipher import JournalCipher
from components.kubectl import KubernetesTarget

MODULES: Mapping[str, str] = {"awskms": "components.aws_seal_preflight"}
"""Module that proves a seal, by the seal's type. Loaded only when needed: SDKs are slow."""


class _PreflightModule(Protocol):
    def prove_seal(
        self, properties: Mapping[str, Any], target: KubernetesTarget, seconds: float
    ) -> JournalCipher | None: ...


def run_preflight(
    properties: Mapping[str, Any], target: KubernetesTarget, seconds: float
) -> JournalCipher | None:
    """Uses the seal's key as Vault's pods will, and nothing else.

    ``properties`` has the seal's ``type``, and what its module wants to know. ``target`` is the cluster and
    namespace of Vault's pods; ``seconds`` is how long new permissions may take to reach every part of the
    cloud. Returns a cipher under the seal's key for the
    journal of the init; None where the seal has no key service, which needs no proof either. Raises
    :class:`DeploymentError` with the action that failed, the cloud's own words and the mend.
    """
    module_name = MODULES.get(str(properties["type"]))
    if module_name is None:
        return None
    module: _PreflightModule = importlib.import_module(module_name)
    return module.prove_seal(properties, target, seconds)
