"""The way of the control plane to the injector's webhook, through whatever firewall the cloud has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi

from components.managed_cluster import ManagedCluster
from components.settings import Settings


@dataclass(frozen=True)
class OpenedWebhook:
    """What the release and the stack's outputs need to know of the rule."""

    prerequisites: Sequence[pulumi.Resource] = ()
    """What has to exist before the injector starts."""
    outputs: Mapping[str, pulumi.Output[str]] = field(default_factory=dict)
    """Stack outputs that the rule adds."""


def open_webhook(settings: Settings, cluster: ManagedCluster | None) -> OpenedWebhook:
    """Makes the firewall rule where one is needed; where none is, the log says why."""
    if not settings.injector.enabled:
        pulumi.log.info("No firewall rule for the webhook: the injector is off.")
        return OpenedWebhook()
    if cluster is None:
        pulumi.log.info(
            "No firewall rule for the webhook: this isn't an EKS or GKE cluster that the settings name. See "
            f"to it that TCP {settings.injector.port} is open from the control plane to the nodes."
        )
        return OpenedWebhook()
    return cluster.open_webhook(settings)
