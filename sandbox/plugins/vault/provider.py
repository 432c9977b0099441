"""The provider `vault`: which resource types there are; everything else comes from the environment."""

from collections.abc import Mapping
from typing import ClassVar

from typing_extensions import override

from sandbox.plugins.property_values import PropertyMap
from sandbox.plugins.provider import (
    CheckFailure,
    EngineLog,
    Function,
    Provider,
    ResourceType,
)
from sandbox.plugins.vault.api import Vault
from sandbox.plugins.vault.mounts import AuthBackend, JwtAuthBackend, Mount
from sandbox.plugins.vault.resource_type import VaultResourceType
from sandbox.plugins.vault.roles import JwtRole, KubernetesConfig, KubernetesRole, Policy

_RESOURCE_TYPES: Mapping[str, type[VaultResourceType]] = {
    kind.token: kind
    for kind in (AuthBackend, JwtAuthBackend, JwtRole, KubernetesConfig, KubernetesRole, Mount, Policy)
}
_SETTINGS = frozenset({"version", "skipChildToken"})


class VaultProvider(Provider):
    """Takes no setting but one; address, CA and token are those of Vault's own clients."""

    name: ClassVar[str] = "vault"

    def __init__(self) -> None:
        self._vault = Vault()

    def check_configuration(self, inputs: PropertyMap) -> tuple[CheckFailure, ...]:
        """Refuse settings that aren't implemented."""
        return tuple(self.refused(name for name in inputs if name not in _SETTINGS))

    @override
    def configure(self, inputs: PropertyMap, log: EngineLog) -> None:
        """Take the setting; Vault is asked by the first request only."""
        self._vault = Vault(skip_child_token=inputs.get("skipChildToken") in (True, "true"))

    def resource_type(self, token: str) -> ResourceType | None:
        """Return the resource type."""
        kind = _RESOURCE_TYPES.get(token)
        return None if kind is None else kind(self._vault)

    def function(self, token: str) -> Function | None:  # noqa: ARG002 - there is none
        """Return nothing: no function is implemented."""
        return None

    @override
    def cancel(self) -> None:
        """Do nothing: calls to Vault are short."""
