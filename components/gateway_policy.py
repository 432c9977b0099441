"""Has a Gateway speak TLS to Vault, and verify it."""

from collections.abc import Sequence

import pulumi

from components.kubernetes.objects import KubernetesObject
from components.settings import Settings
from components.vault.chart_values import chart_fullname
from components.vault.proxy_values import backend_policy


def provision_gateway_policy(
    settings: Settings,
    provider: pulumi.ProviderResource,
    namespace: pulumi.Input[str],
    authority: pulumi.Input[str] | None,
) -> Sequence[pulumi.Resource]:
    """Create the policy of the Service that the route leads to; nothing unless both Gateway and TLS are set.

    ``authority`` has the certificates (PEM) by which Vault is verified. Source: the document of the Gateway
    API on BackendTLSPolicy, which takes them from a ConfigMap in every implementation.
    """
    if settings.gateway is None or not settings.gateway.backend_policy or authority is None:
        return ()
    fullname = chart_fullname(settings.release_name)
    config_map = f"{fullname}-server-ca"
    opts = pulumi.ResourceOptions(provider=provider)
    certificates = KubernetesObject(
        "v1",
        "ConfigMap",
        "server-ca",
        {"metadata": {"name": config_map, "namespace": namespace}, "data": {"ca.crt": authority}},
        opts,
    )
    policy = KubernetesObject(
        "gateway.networking.k8s.io/v1",
        "BackendTLSPolicy",
        "server-tls",
        {
            "metadata": {"name": f"{fullname}-server-tls", "namespace": namespace},
            "spec": backend_policy(settings, fullname, config_map),
        },
        pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[certificates])),
    )
    return (certificates, policy)
