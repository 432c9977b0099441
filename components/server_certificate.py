"""Provides the certificate of Vault's servers, before Vault starts with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi

from components.certificate_authority import CertificateAuthority
from components.certificate_request import certificate_request
from components.given_certificate import GivenCertificate
from components.kubernetes_connection import KubernetesConnection
from components.own_certificate import OwnCertificate
from components.settings import Settings
from components.settings.tls import Issuer
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
    """Issue a certificate, have it issued, or verify the one that the settings name; nothing without TLS."""
    after = pulumi.ResourceOptions(depends_on=[connection.provider, *namespace.prerequisites])
    if not settings.tls.enabled:
        return ProvisionedCertificate()
    if settings.tls.source == "own":
        return _issued(settings, connection, after)
    if settings.tls.issuer is not None:
        request = _requested(settings, settings.tls.issuer, connection, namespace.name, after)
        after = pulumi.ResourceOptions.merge(after, pulumi.ResourceOptions(depends_on=[request]))
    return _given(settings, connection, after)


def _issued(
    settings: Settings, connection: KubernetesConnection, after: pulumi.ResourceOptions
) -> ProvisionedCertificate:
    fullname = chart_fullname(settings.release_name)
    authority = CertificateAuthority(
        "certificate-authority",
        f"{fullname} in namespace {settings.namespace}",
        pulumi.ResourceOptions(),
    )
    certificate = OwnCertificate(
        "server-certificate",
        target=connection.target,
        secret=certificate_secret(settings, fullname),
        names=server_names(settings, fullname).all,
        lifetime_days=settings.tls.lifetime_days,
        authority=authority.certificate,
        authority_key=authority.key,
        opts=after,
    )
    return _provisioned(certificate, authority.certificate)


def _given(
    settings: Settings, connection: KubernetesConnection, after: pulumi.ResourceOptions
) -> ProvisionedCertificate:
    fullname = chart_fullname(settings.release_name)
    certificate = GivenCertificate(
        "server-certificate",
        target=connection.target,
        source=settings.tls.source,
        secret=certificate_secret(settings, fullname),
        needed=server_names(settings, fullname).needed,
        seconds=settings.deadlines.pod_start_seconds,
        opts=after,
    )
    return _provisioned(certificate, certificate.authority)


def _requested(
    settings: Settings,
    issuer: Issuer,
    connection: KubernetesConnection,
    namespace: pulumi.Input[str],
    after: pulumi.ResourceOptions,
) -> pulumi.Resource:
    fullname = chart_fullname(settings.release_name)
    return certificate_request(
        connection.target,
        secret=certificate_secret(settings, fullname),
        namespace=namespace,
        names=server_names(settings, fullname).all,
        issuer=issuer,
        days=settings.tls.lifetime_days,
        opts=pulumi.ResourceOptions.merge(after, pulumi.ResourceOptions(provider=connection.provider)),
    )


def _provisioned(
    certificate: GivenCertificate | OwnCertificate, authority: pulumi.Output[str]
) -> ProvisionedCertificate:
    outputs = {"tls_ca": authority, "tls_not_after": certificate.not_after}
    return ProvisionedCertificate(authority, (certificate,), outputs)
