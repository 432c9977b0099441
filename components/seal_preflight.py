"""Proves before the init that Vault can use its seal. Each seal names the module that does it."""

import importlib
from collections.abc import Mapping
from typing import Any, Protocol

from components.journal_cipher import JournalCipher
from components.kubectl import KubernetesTarget


class _PreflightModule(Protocol):
    def prove_seal(
        self, properties: Mapping[str, Any], target: KubernetesTarget, seconds: float
    ) -> JournalCipher | None: ...


def run_preflight(
    properties: Mapping[str, Any], target: KubernetesTarget, seconds: float
) -> JournalCipher | None:
    """Uses the seal's key as Vault's pods will, and nothing else.

    ``properties`` has the ``module`` that proves the seal, loaded only here as SDKs are slow, and what it
    wants to know. ``target`` is the cluster and namespace of Vault's pods; ``seconds`` is how long new
    permissions may take to reach every part of the cloud. Returns a cipher under the seal's key for the
    journal of the init; None where the seal can't encrypt a journal. Raises :class:`DeploymentError` with
    the action that failed, the key service's own words and the mend.
    """
    module: _PreflightModule = importlib.import_module(str(properties["module"]))
    return module.prove_seal(properties, target, seconds)
