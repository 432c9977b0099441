"""Creates the NetworkPolicy of Vault's pods."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi

from components.kubernetes.objects import KubernetesObject
from components.settings import Settings
from components.vault.chart_values import chart_fullname
from components.vault.traffic_policy import server_policy


@dataclass(frozen=True)
class ProvisionedNetworkPolicy:
    """The policy, if the settings want one."""

    prerequisites: Sequence[pulumi.Resource] = ()
    """Resources that Vault's pods depend on, so that they aren't reached before."""
    outputs: Mapping[str, pulumi.Output[str]] = field(default_factory=dict)


def provision_network_policy(
    settings: Settings, provider: pulumi.ProviderResource, namespace: pulumi.Input[str]
) -> ProvisionedNetworkPolicy:
    """Create the policy in ``namespace``; nothing unless the settings have one.

    Its name isn't the one that the chart's own policy has.
    """
    if settings.network_policy is None:
        return ProvisionedNetworkPolicy()
    policy = KubernetesObject(
        "networking.k8s.io/v1",
        "NetworkPolicy",
        "vault-server",
        {
            "metadata": {"name": f"{chart_fullname(settings.release_name)}-server", "namespace": namespace},
            "spec": server_policy(settings, settings.network_policy),
        },
        pulumi.ResourceOptions(provider=provider),
    )
    return ProvisionedNetworkPolicy((policy,), {"network_policy": policy.metadata["name"]})
