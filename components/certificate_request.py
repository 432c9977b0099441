"""Has cert-manager make the certificate of Vault's servers."""

from collections.abc import Sequence
from typing import Any

import pulumi

from components.errors import DeploymentError
from components.kubernetes.kubectl import Kubectl, KubectlError, KubernetesTarget
from components.kubernetes.objects import KubernetesObject
from components.kubernetes.owned_object import ForeignObjectError, OwnedObject
from components.progress import say
from components.settings.tls import Issuer
from components.tls.server_names import is_address

API_VERSION = "cert-manager.io/v1"
_HOURS = 24


class CertManagerMissingError(DeploymentError):
    """The cluster has no cert-manager."""


class TakenSecretError(DeploymentError):
    """The Secret has a certificate that the stack itself has made."""


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

    Raises, in a preview too, :class:`CertManagerMissingError` if the cluster doesn't know such objects, and
    :class:`TakenSecretError` if the Secret is the one of the source `own`.
    """

    def require(_: pulumi.ResourceHookArgs) -> None:
        require_cert_manager(target)
        require_free_secret(target, secret)

    hooks = pulumi.ResourceHookBinding(
        before_create=[
            pulumi.ResourceHook(
                "before-certificate-is-created",
                require,
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


def require_free_secret(target: KubernetesTarget, name: str) -> None:
    """Raise :class:`TakenSecretError` if the stack has put its own certificate into the Secret.

    cert-manager would write into it under pods that verify by the stack's authority, and the Secret may be
    deleted with that at the end of the update.
    """
    try:
        taken = OwnedObject(target, "v1", "Secret", name).read() is not None
    except ForeignObjectError:
        return
    except KubectlError as error:
        say(f"Whether Secret {target.namespace}/{name} is the stack's own can't be seen: {error}")
        return
    if taken:
        raise TakenSecretError(
            f"Secret {target.namespace}/{name} has the certificate that the stack itself has made "
            "(tls.source own), so cert-manager can't have it. Nothing was changed. Set tls.secret to another "
            "name; or, if none of Vault's pods mounts the Secret any more, delete it."
        )
