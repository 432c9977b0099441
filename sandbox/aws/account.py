"""The one AWS account of the sandbox: names that the server, the seed and the cluster agree on."""

from dataclasses import dataclass

from sandbox.network import REGION

ACCOUNT_ID = "123456789012"
PARTITION = "aws"
CLUSTER_NAME = "vault-sandbox"
OIDC_ISSUER = f"https://oidc.eks.{REGION}.amazonaws.com/id/7A1D0C3B5E9F4286A0B4C8D2E6F10375"
"""The issuer of service-account tokens: of the EKS cluster that is seeded, and of the real API server."""

STS_AUDIENCE = "sts.amazonaws.com"
OPERATOR_USER = "operator"
SERVICES = ("ec2", "eks", "eks-auth", "iam", "kms", "s3", "secretsmanager", "sts")
"""The AWS services that answer; every other one is refused."""

POD_HOST_NAMES = (
    f"kms.{REGION}.amazonaws.com",
    f"s3.{REGION}.amazonaws.com",
    f"*.s3.{REGION}.amazonaws.com",
    f"sts.{REGION}.amazonaws.com",
    "sts.amazonaws.com",
)
"""The names of AWS's own under which pods reach the sandbox; each bucket has one, below that of S3."""

CONTROL_PREFIX = "/_sandbox/"
"""Paths of the loopback listener that AWS does not have (see ``sandbox.aws.control``)."""


@dataclass(frozen=True)
class ClusterFacts:
    """The parts of an EKS cluster that its caller does not choose.

    ``certificate_authority`` is the base64 of a PEM certificate, as DescribeCluster has it.
    """

    issuer: str
    endpoint: str
    certificate_authority: str
    vpc_id: str
    cluster_security_group_id: str


def iam_arn(resource: str) -> str:
    """Return the ARN of something in IAM, from its resource part, for example ``role/path/name``."""
    return f"arn:{PARTITION}:iam::{ACCOUNT_ID}:{resource}"


def regional_arn(service: str, region: str, resource: str) -> str:
    """Return the ARN of something regional, from its resource part, for example ``key/<id>``."""
    return f"arn:{PARTITION}:{service}:{region}:{ACCOUNT_ID}:{resource}"
