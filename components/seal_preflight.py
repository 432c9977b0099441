"""Proves before the init that Vault can use its seal. A further seal is a module and a row here."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from components.journal_cipher import JournalCipher
from components.kubectl import KubernetesTarget

MODULES: Mapping[str, str] = {"awskms": "components.aws_seal_preflight"}
"""Module that proves a seal, by the seal's type. Loaded only when needed: SDKs are slow."""


@dataclass(frozen=True)
class AwsKmsPreflight:
    """What the proof of the seal awskms is made with; travels in the inputs of the dynamic resources."""

    type: ClassVar[str] = "awskms"
    role_arn: str
    """Role that Vault's pods assume."""
    key_arn: str
    """Key that the seal uses."""
    region: str
    service_account: str
    """Service account of Vault's pods, in the namespace of the target."""

    def to_properties(self) -> dict[str, str]:
        """As a resource's property."""
        return {
            "type": self.type,
            "role_arn": self.role_arn,
            "key_arn": self.key_arn,
            "region": self.region,
            "service_account": self.service_account,
        }

    @staticmethod
    def from_properties(properties: Mapping[str, Any]) -> "AwsKmsPreflight":
        """From a resource's property."""
        return AwsKmsPreflight(
            role_arn=str(properties["role_arn"]),
            key_arn=str(properties["key_arn"]),
            region=str(properties["region"]),
            service_account=str(properties["service_account"]),
        )


class _PreflightModule(Protocol):
    def prove_seal(
        self, properties: Mapping[str, Any], target: KubernetesTarget, seconds: float
    ) -> JournalCipher | None: ...


def run_preflight(
    properties: Mapping[str, Any], target: KubernetesTarget, seconds: float
) -> JournalCipher | None:
    """Uses the seal's key as Vault's pods will, and nothing else.

    ``properties`` are those of the seal's preflight, with its ``type``; ``seconds`` is how long new
    permissions may take to reach every part of the cloud. Returns a cipher under the seal's key for the
    journal of the init; None where the seal has no key service, which needs no proof either. Raises
    :class:`DeploymentError` with the action that failed, the cloud's own words and the mend.
    """
    module_name = MODULES.get(str(properties["type"]))
    if module_name is None:
        return None
    module: _PreflightModule = importlib.import_module(module_name)
    return module.prove_seal(properties, target, seconds)
