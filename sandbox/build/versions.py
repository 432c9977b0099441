"""Which versions of Vault, its chart and Kubernetes the sandbox runs, and the choice between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sandbox.build.pinned_tools import KUBERNETES, OLDER_KUBERNETES, PINNED_TOOLS
from sandbox.charts import CHART_VERSION, OLDER_CHART_VERSION
from sandbox.errors import SandboxError

_PINNED = {tool.name: tool.version for tool in PINNED_TOOLS}
VAULT = _PINNED["vault"]
"""The version of Vault that runs unless another is asked for."""
OLDER_VAULT = _PINNED["vault-older"]

CHARTS: Mapping[str, str] = {VAULT: CHART_VERSION, OLDER_VAULT: OLDER_CHART_VERSION}
"""The version of the chart that goes with each version of Vault, the newest first."""
KUBERNETES_VERSIONS = (KUBERNETES, OLDER_KUBERNETES)


@dataclass(frozen=True)
class Versions:
    """What one sandbox runs."""

    vault: str = VAULT
    kubernetes: str = KUBERNETES

    @property
    def chart(self) -> str:
        """Version of the chart."""
        return CHARTS[self.vault]


def chosen_versions(vault: str | None, kubernetes: str | None) -> Versions:
    """Return the versions that a person asked for, whole or without the last numbers; the newest for None.

    Raises SandboxError, which lists those that can be had, where there is none or more than one of that name.
    """
    return Versions(
        VAULT if vault is None else _named("VAULT", vault, list(CHARTS)),
        KUBERNETES if kubernetes is None else _named("KUBERNETES", kubernetes, KUBERNETES_VERSIONS),
    )


def _named(variable: str, wanted: str, versions: Sequence[str]) -> str:
    found = [version for version in versions if f"{version}.".startswith(f"{wanted.removeprefix('v')}.")]
    if len(found) != 1:
        listed = " or ".join(f"{variable}={version}" for version in versions)
        raise SandboxError(f"{variable}={wanted} can't be had here: set {listed}, or leave it out.")
    return found[0]
