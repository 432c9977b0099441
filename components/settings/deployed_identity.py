"""Reads which identity in the cloud a deployed release gives to Vault's pods, and whether that is marked.

EKS and Azure's webhooks write it into the environment of a pod (AWS_ROLE_ARN, AZURE_CLIENT_ID) as the service
account's annotations have it at that moment. So a pod keeps a role that the service account no longer names,
and that is deleted at the end of the update: it runs on, and can't unseal after its next restart.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

IDENTITY_ANNOTATION = "vault-autounseal/identity"
"""Annotation of Vault's pods: checksum of :func:`identity_in`. A change of it makes them outdated."""

_PREFIXES = ("azure.workload.identity/", "eks.amazonaws.com/", "iam.gke.io/")
"""Beginnings of the annotations of a service account from which pods get an identity.

Sources: the documents of EKS (IAM roles for service accounts), of Azure Workload Identity (service account
labels and annotations) and of GKE (Workload Identity Federation).
"""


@dataclass(frozen=True)
class DeployedIdentity:
    """The identity in the cloud by which the service account of a deployed release is annotated."""

    annotations: Mapping[str, str]
    """Annotations that name it; none if pods have it otherwise, or need none."""
    on_pods: bool
    """Whether the template of the pods has its checksum already."""


def deployed_identity(server: Mapping[str, Any]) -> DeployedIdentity | None:
    """Return the identity that values of the chart below `server` give; None if they don't say."""
    account = server.get("serviceAccount")
    named = (account.get("annotations") or {}) if isinstance(account, Mapping) else None
    # The chart takes a text, too, as a release of other hands may have.
    if not isinstance(named, Mapping):
        return None
    return DeployedIdentity(
        annotations=identity_in(named), on_pods=IDENTITY_ANNOTATION in (server.get("annotations") or {})
    )


def identity_in(annotations: Mapping[str, Any]) -> Mapping[str, str]:
    """Return those annotations of a service account that name an identity; one that is null names none."""
    return {
        name: str(value) for name, value in annotations.items() if names_identity(name) and value is not None
    }


def names_identity(annotation: str) -> bool:
    """Return whether pods get an identity from an annotation of that name."""
    return annotation.startswith(_PREFIXES)


def identity_checksum(annotations: Mapping[str, Any]) -> str:
    """Return what :data:`IDENTITY_ANNOTATION` has with these annotations of the service account."""
    text = json.dumps(identity_in(annotations), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
