"""The one project of the sandbox's Google Cloud: names that the server, the seed and the cluster agree on."""

import re
from dataclasses import dataclass

from sandbox.build.pinned_tools import KUBERNETES

PROJECT_ID = "sandbox-project"
PROJECT_NUMBER = "481516234200"
LOCATION = "europe-west3"
"""Region of the seeded GKE cluster, and of nothing else."""

CLUSTER_NAME = "vault-sandbox"
CLUSTER_PATH = f"projects/{PROJECT_ID}/locations/{LOCATION}/clusters/{CLUSTER_NAME}"
SERVICE_ACCOUNT_ISSUER = f"https://container.googleapis.com/v1/{CLUSTER_PATH}"
"""The issuer of Kubernetes' service-account tokens, as GKE has it."""

WORKLOAD_POOL = f"{PROJECT_ID}.svc.id.goog"
STS_AUDIENCE = f"identitynamespace:{WORKLOAD_POOL}:{SERVICE_ACCOUNT_ISSUER}"
"""Whom the token service is told to take the cluster's tokens for."""

NETWORK = "default"
CONTROL_PLANE_CIDR = "172.16.0.0/28"
"""The addresses of the private cluster's control plane."""

DEPLOYER = f"deployer@{PROJECT_ID}.iam.gserviceaccount.com"
"""The service account that the program runs as."""

OWNER = "user:owner@example.com"
"""A person with ``roles/owner`` on the project."""

STORAGE_AGENT = f"service-{PROJECT_NUMBER}@gs-project-accounts.iam.gserviceaccount.com"
"""The service account by which Cloud Storage uses keys of KMS' for the project's buckets."""

REGIONAL_SECRETS_HOST = f"secretmanager.{LOCATION}.rep.googleapis.com"
"""Secret Manager for the secrets of the one region."""

HOST_NAMES = (
    "cloudkms.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "compute.googleapis.com",
    "container.googleapis.com",
    "iam.googleapis.com",
    "iamcredentials.googleapis.com",
    "oauth2.googleapis.com",
    "openidconnect.googleapis.com",
    "secretmanager.googleapis.com",
    REGIONAL_SECRETS_HOST,
    "serviceusage.googleapis.com",
    "storage.googleapis.com",
    "sts.googleapis.com",
)
"""Google's own names that the sandbox answers under; every other one is refused."""

PREREQUISITES = ("cloudresourcemanager.googleapis.com",)
"""APIs that a project with a cluster needn't have, and that the program can't enable by itself."""

METADATA_HOST = "metadata.google.internal"
METADATA_ADDRESS = "169.254.169.254"

CONTROL_PREFIX = "/_sandbox/"
"""Paths of the loopback listener that Google does not have (see ``sandbox.google.control``)."""


@dataclass(frozen=True)
class ClusterFacts:
    """The parts of a GKE cluster that its caller does not choose.

    ``endpoint`` is host and port without a scheme, ``certificate_authority`` the base64 of a PEM certificate,
    ``kubernetes`` the version without what GKE adds.
    """

    endpoint: str
    certificate_authority: str
    kubernetes: str = KUBERNETES


def by_project_id(name: str) -> str:
    """Return a resource's name with the project's id where it has the project's number."""
    return re.sub(rf"\bprojects/{PROJECT_NUMBER}(?=[/:]|$)", f"projects/{PROJECT_ID}", name)


def by_project_number(name: str) -> str:
    """Return a resource's name with the project's number, for the APIs that answer with numbers."""
    return re.sub(rf"\bprojects/{PROJECT_ID}(?=[/:]|$)", f"projects/{PROJECT_NUMBER}", name)


def member_of_workload(namespace: str, service_account: str) -> str:
    """Return a Kubernetes service account as IAM's policies name it."""
    return f"serviceAccount:{WORKLOAD_POOL}[{namespace}/{service_account}]"
