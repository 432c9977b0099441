"""Provides the certificate of Vault's servers, before Vault starts with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi

from components.given_certificate import GivenCertificate
from components.kubernetes_connection import KubernetesConnection
from components.settings import Settings
from components.vault.chart_values import chart_fullname
from components.vault.tls_values import certificate_secret, server_names
from components.vault_namespace import ProvisionedNamespace


@dataclass(frozen=True)
class ProvisionedCertificate:
    """The certificate, if the settings want one."""

    authority: pulumi.Output[str] | None = None
    """Certificates (PEM) by which clients verify Vault; None if it speaks plain HTTP."""
    prerequisites: Sequence[pulumi.Resource] = ()
    """Resources that Vault's pods depend on."""
    outputs: Mapping[str, pulumi.Output[str]] = field(default_factory=dict)


def provision_server_certificate(
    settings: Settings, connection: KubernetesConnection, namespace: ProvisionedNamespace
) -> ProvisionedCertificate:
    """Verify the certificate that the settings name; nothing without TLS."""
    if not settings.tls.enabled:
        return ProvisionedCertificate()
    fullname = chart_fullname(settings.release_name)
    certificate = GivenCertificate(
        "server-certificate",
        target=connection.target,
        secret=certificate_secret(settings, fullname),
        needed=server_names(settings, fullname).needed,
        seconds=settings.deadlines.pod_start_seconds,
        opts=pulumi.ResourceOptions(depends_on=[connection.provider, *namespace.prerequisites]),
    )
    return ProvisionedCertificate(
        certificate.authority,
        (certificate,),
        {"tls_ca": certificate.authority, "tls_not_after": certificate.not_after},
    )
