"""Computes what Vault's pods and the injector's agents need for TLS."""

from dataclasses import replace

import pulumi

from components.seals.seal import PodRequirements, SecretMount
from components.settings import Settings
from components.tls.server_names import ServerNames
from components.vault.certificate_reload import FOLDER
from components.vault.configuration import ServerTls
from components.vault.ports import API_PORT
from components.vault.server_identity import VOLUME

_AUTHORITY_FILE = f"{FOLDER}/ca.crt"


def server_names(settings: Settings, fullname: str) -> ServerNames:
    """Return the names by which Vault's servers are called."""
    return ServerNames(
        fullname=fullname,
        namespace=settings.namespace,
        replicas=settings.replicas,
        highly_available=settings.mode == "ha",
        injector=settings.injector.enabled,
        extra=settings.tls.extra_names,
    )


def certificate_secret(settings: Settings, fullname: str) -> str:
    """Return the name of the Secret with the servers' certificate."""
    return settings.tls.secret or f"{fullname}-server-tls"


def server_tls(settings: Settings, fullname: str) -> ServerTls | None:
    """Return what Vault's configuration says of TLS; None without."""
    if not settings.tls.enabled:
        return None
    return ServerTls(
        certificate_file=f"{FOLDER}/tls.crt",
        key_file=f"{FOLDER}/tls.key",
        authority_file=_AUTHORITY_FILE,
        name=server_names(settings, fullname).verified,
    )


def with_certificate(pods: PodRequirements, settings: Settings, fullname: str) -> PodRequirements:
    """Return what Vault's pods need, with the certificate among it if there is one.

    The command `vault` in a pod verifies its own server by it, unless a seal leaves it to the environment
    whom to trust: that would trust this authority only.
    """
    if not settings.tls.enabled:
        return pods
    mount = SecretMount(VOLUME, certificate_secret(settings, fullname), FOLDER)
    trusted = {"VAULT_CACERT": _AUTHORITY_FILE}
    if any(seal.trusts_by_environment for seal in settings.seals):
        trusted = {}
    return replace(
        pods,
        environment={**trusted, **pods.environment},
        secret_mounts=(*pods.secret_mounts, mount),
    )


def pod_address(settings: Settings, fullname: str) -> str | None:
    """Return the address by which clients reach a pod, from the chart's variables; None for the chart's own.

    Its own has the pod's IP, which is in no certificate, and standbys send clients there.
    """
    if not settings.tls.enabled or settings.mode != "ha":
        return None
    return f"https://{server_names(settings, fullname).pod('$(VAULT_K8S_POD_NAME)')}:{API_PORT}"


def agent_environment(authority: pulumi.Input[str] | None) -> dict[str, pulumi.Input[str]]:
    """Return the injector's variables by which its agents verify Vault, without a Secret in each namespace.

    It has them from version 1.3.1 on, which is that of chart 0.27.0 (vault-k8s, CHANGELOG).
    """
    return {"AGENT_INJECT_VAULT_CACERT_BYTES": authority} if authority is not None else {}
