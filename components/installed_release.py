"""Observes the release of Vault's chart that others install: Argo CD, Flux, or Helm by hand.

Until it is there with the values of this stack, what comes after it waits for another `pulumi up`. With a
configuration of somebody else the init would give Vault another seal for good.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, UpdateResult

from components.errors import DeploymentError
from components.kubernetes.kubectl import KubectlError
from components.progress import say
from components.stable_provider import StableProvider, StableResource
from components.vault.pod_access import PodAccess, pods_identity
from components.vault.running_configuration import (
    CONFIGURATION_ANNOTATION,
    CONFIGURATION_KEY,
    configuration_checksum,
    configuration_map,
    seal_blocks,
)

if TYPE_CHECKING:
    # The provider host loads this module, and has no use for what the program alone needs.
    from components.settings import Settings

INPUTS = ("access", "configuration", "replicas", "service_account")
OUTPUTS = ("missing", "revision")


class OtherConfigurationError(DeploymentError):
    """The release has this stack's values, and yet Vault's pods get another seal."""


@dataclass(frozen=True)
class Observation:
    """The release as the cluster has it."""

    missing: str
    """What it lacks of the stack's values; empty if nothing."""
    revision: str
    """Another one whenever the StatefulSet or Vault's configuration has changed; empty without any."""


class InstalledReleaseProvider(StableProvider):
    """Records the release, and that it has changed; changes nothing itself."""

    inputs = INPUTS

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Record the release; raise :class:`OtherConfigurationError` if its pods would get another seal."""
        return CreateResult(pods_identity(props), self._observed(props))

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Return a change if the cluster has another release than the state, or the inputs differ."""
        difference = super().diff(_id, _olds, _news)
        if not difference.changes:
            try:
                observed = observe(_news)
            except KubectlError as error:
                say(f"Vault's release can't be looked at: {error}")
            else:
                recorded = Observation(str(_olds.get("missing")), str(_olds.get("revision")))
                difference.changes = observed != recorded
        return difference

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Record the release again, as at creation."""
        return UpdateResult(self._observed(_news))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Return the present release, or the last known one if it can't be looked at."""
        try:
            return ReadResult(id_, self._observed(props))
        except DeploymentError as error:
            say(f"What is known of Vault's release is kept: {error}")
            return ReadResult(id_, props)

    def delete(self, id_: str, _props: dict[str, Any]) -> None:
        """Leave the release to those who have installed it."""
        say(
            f"Vault's release {id_} stays, unless the stack has created its namespace and deletes it: delete "
            "it where it was installed (Argo CD, Flux)"
        )

    def _observed(self, props: Mapping[str, Any]) -> dict[str, Any]:
        found = observe(props)
        return {**self.input_values(props), "missing": found.missing, "revision": found.revision}


def observe(props: Mapping[str, Any]) -> Observation:
    """Return what the cluster has of the release.

    Raises :class:`KubectlError` if it can't be looked at, and :class:`OtherConfigurationError` if it has the
    stack's values but for the seal in Vault's configuration.
    """
    access = PodAccess.from_properties(props["access"])
    stateful_set = access.kubectl.get("statefulset", access.statefulset)
    if stateful_set is None:
        return Observation(f"there is no StatefulSet {access.statefulset}", "")
    name = configuration_map(access.statefulset)
    found = access.kubectl.get("configmap", name) or {}
    configuration = str((found.get("data") or {}).get(CONFIGURATION_KEY, ""))
    metadata, template = stateful_set["metadata"], stateful_set["spec"]["template"]
    annotations = template["metadata"].get("annotations") or {}
    present = {
        "replicas": int(stateful_set["spec"]["replicas"]),
        "service account": template["spec"].get("serviceAccountName", "default"),
        "checksum of Vault's configuration": annotations.get(CONFIGURATION_ANNOTATION, "none"),
    }
    wanted = {
        "replicas": int(props["replicas"]),
        "service account": props["service_account"],
        "checksum of Vault's configuration": configuration_checksum(props["configuration"]),
    }
    missing = [
        f"{what} {present[what]} instead of {wanted[what]}"
        for what in wanted
        if present[what] != wanted[what]
    ]
    if not missing and seal_blocks(configuration) != seal_blocks(props["configuration"]):
        raise OtherConfigurationError(
            f"Others have installed Vault with this stack's values, but the seal in its configuration "
            f"(ConfigMap {name}) isn't this stack's. This run has initialised nothing and changed nothing in "
            "Vault, which couldn't unseal by itself with another seal or key. Remove what overrides the "
            "configuration (server.ha.raft.config, or server.standalone.config) where the chart is "
            "installed, and run pulumi up again; it replaces pods that run with the other configuration and "
            "aren't initialised."
        )
    digest = configuration_checksum(configuration)[:12]
    revision = f"{metadata['uid']}/{metadata['generation']}/{digest}"
    lacks = f"StatefulSet {access.statefulset} has {', '.join(missing)}" if missing else ""
    return Observation(lacks, revision)


class InstalledRelease(StableResource, module="vault", name="InstalledRelease"):
    """The release that others install, as the cluster has it."""

    missing: pulumi.Output[str]
    """What it lacks of the stack's values; empty if nothing."""
    revision: pulumi.Output[str]
    """Another one whenever the StatefulSet or Vault's configuration has changed; empty without any."""

    def __init__(
        self,
        name: str,
        *,
        settings: "Settings",
        access: PodAccess,
        configuration: pulumi.Input[str],
        opts: pulumi.ResourceOptions,
    ) -> None:
        properties: dict[str, Any] = {
            "access": access.to_properties(),
            "configuration": configuration,
            "replicas": settings.replicas,
            "service_account": settings.service_account,
            **dict.fromkeys(OUTPUTS),
        }
        super().__init__(InstalledReleaseProvider(), name, properties, opts)
