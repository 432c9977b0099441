"""Google Cloud as far as the program needs it, on this machine: IAM enforced, identities as on GKE."""

from sandbox.google.endpoint import (
    PROCESS,
    GoogleEndpoint,
    enable_prerequisites,
    host_records,
    seed_cluster,
    start_google,
    stop_google,
)
from sandbox.google.project import METADATA_ADDRESS, SERVICE_ACCOUNT_ISSUER

__all__ = [
    "METADATA_ADDRESS",
    "PROCESS",
    "SERVICE_ACCOUNT_ISSUER",
    "GoogleEndpoint",
    "enable_prerequisites",
    "host_records",
    "seed_cluster",
    "start_google",
    "stop_google",
]
