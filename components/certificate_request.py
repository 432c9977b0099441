"""Has cert-manager make the certificate of Vault's servers."""

from collections.abc import Sequence
from typing import Any

import pulumi

from components.errors import DeploymentError
from components.kubernetes.kubectl import Kubectl, KubectlError, KubernetesTarget
from components.kubernetes.objects import KubernetesObject
from components.progress import say
from components.settings.tls import Issuer
from components.tls.server_names import is_address

API_VERSION = "cert-manager.io/v1"
_HOURS = 24


class CertManagerMissingError(DeploymentError):
    """The cluster has no cert-manager."""


def certificate_request(
    target: KubernetesTarget,
    *,
    secret: str,
    namespace: pulumi.Input[str],
    names: Sequence[str],
    issuer: Issuer,
    days: int,
    opts: pulumi.ResourceOptions,
) -> KubernetesObject:
    """Create the Certificate, which is called as the Secret that cert-manager puts the certificate into.

    Raises :class:`CertManagerMissingError`, in a preview too, if the cluster doesn't know such objects.
    """
    hooks = pulumi.ResourceHookBinding(
        before_create=[
            pulumi.ResourceHook(
                "before-certificate-is-created",
                lambda _: require_cert_manager(target),
                pulumi.ResourceHookOptions(on_dry_run=True),
            )
        ]
    )
    return KubernetesObject(
        API_VERSION,
        "Certificate",
        "server-certificate",
        {
            "metadata": {"name": secret, "namespace": namespace},
            "spec": certificate_specification(secret, names, issuer, days),
        },
        pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(hooks=hooks)),
    )


def certificate_specification(secret: str, names: Sequence[str], issuer: Issuer, days: int) -> dict[str, Any]:
    """Return the specification; cert-manager renews once two thirds of the lifetime are over."""
    hours = days * _HOURS
    return {
        "secretName": secret,
        "issuerRef": {"name": issuer.name, "kind": issuer.kind, "group": issuer.group},
        "dnsNames": [name for name in names if not is_address(name)],
        "ipAddresses": [name for name in names if is_address(name)],
        "duration": f"{hours}h0m0s",
        "renewBefore": f"{hours // 3}h0m0s",
        "privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"},
        "usages": ["digital signature", "server auth"],
    }


def require_cert_manager(target: KubernetesTarget) -> None:
    """Raise :class:`CertManagerMissingError` if the API server doesn't know cert-manager's objects."""
    try:
        Kubectl(target).run(["get", "--raw", f"/apis/{API_VERSION}"])
    except KubectlError as error:
        if error.reason != "NotFound":
            say(f"Whether the cluster has cert-manager can't be seen: {error}")
            return
        raise CertManagerMissingError(
            f"The cluster doesn't know {API_VERSION}, so it has no cert-manager. Nothing was changed. "
            "Install it (https://cert-manager.io/docs/installation/), or set tls.source to own or secret."
        ) from None
