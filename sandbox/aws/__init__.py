"""AWS as far as the program needs it, on this machine: moto, with IAM enforced, and identities as on EKS."""

from sandbox.aws.account import OIDC_ISSUER
from sandbox.aws.endpoint import PROCESS, AwsEndpoint, host_records, start_aws, stop_aws
from sandbox.aws.pod_identity_agent import ADDRESS as POD_IDENTITY_AGENT_ADDRESS
from sandbox.aws.pod_identity_webhook import install_pod_identity_webhook
from sandbox.aws.seed import SeededCloud, seed

__all__ = [
    "OIDC_ISSUER",
    "POD_IDENTITY_AGENT_ADDRESS",
    "PROCESS",
    "AwsEndpoint",
    "SeededCloud",
    "host_records",
    "install_pod_identity_webhook",
    "seed",
    "start_aws",
    "stop_aws",
]
