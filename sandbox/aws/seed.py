"""What the program expects to find in an AWS account: a network and an EKS cluster with its parts."""

import base64
import json
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import boto3

from sandbox.aws.account import (
    ACCOUNT_ID,
    CLUSTER_NAME,
    CONTROL_PREFIX,
    OIDC_ISSUER,
    STS_AUDIENCE,
    ClusterFacts,
    iam_arn,
)
from sandbox.aws.endpoint import AwsEndpoint
from sandbox.aws.pod_identity_associations import AGENT_ADDON
from sandbox.build.pinned_tools import KUBERNETES
from sandbox.errors import SandboxError
from sandbox.network import REGION

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_eks import EKSClient
    from mypy_boto3_iam import IAMClient

VPC_CIDR = "10.20.0.0/16"
SUBNETS = {f"{REGION}a": "10.20.0.0/24", f"{REGION}b": "10.20.1.0/24"}
"""EKS wants subnets in two availability zones."""

CLUSTER_ROLE = "eks-cluster"
CLUSTER_TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "eks.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
ISSUER_THUMBPRINT = "9e99a48a9960b14926bb7f3b02e22da2b0ab7280"
"""The SHA-1 of the root certificate of AWS's OIDC endpoints; AWS ignores it for issuers of its own."""


@dataclass(frozen=True)
class SeededCloud:
    """What was seeded, as the program's settings name it."""

    cluster_name: str
    issuer: str
    vpc_id: str
    cluster_security_group_id: str
    node_security_group_id: str
    account_id: str
    region: str


def seed(
    endpoint: AwsEndpoint,
    *,
    api_server_url: str,
    cluster_certificate_authority: bytes,
    kubernetes: str = KUBERNETES,
) -> SeededCloud:
    """Make what is missing, and return all of it. Idempotent.

    ``cluster_certificate_authority`` is the PEM certificate that signed the API server's, ``kubernetes`` its
    version. Raises
    SandboxError if the process that plays AWS refuses to complete the cluster, and botocore's errors
    where an API call fails.
    """
    session = boto3.Session(
        aws_access_key_id=endpoint.environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=endpoint.environment["AWS_SECRET_ACCESS_KEY"],
        region_name=REGION,
    )
    ec2 = session.client("ec2", endpoint_url=endpoint.url)
    iam = session.client("iam", endpoint_url=endpoint.url)
    eks = session.client("eks", endpoint_url=endpoint.url)
    vpc_id = _vpc(ec2)
    subnet_ids = [_subnet(ec2, vpc_id, zone, cidr) for zone, cidr in SUBNETS.items()]
    cluster_group = _security_group(ec2, vpc_id, "cluster", "EKS control plane and its network interfaces")
    node_group = _security_group(ec2, vpc_id, "node", "EKS worker nodes")
    _cluster(eks, kubernetes, _cluster_role(iam), subnet_ids)
    facts = ClusterFacts(
        issuer=OIDC_ISSUER,
        endpoint=api_server_url,
        certificate_authority=base64.b64encode(cluster_certificate_authority).decode(),
        vpc_id=vpc_id,
        cluster_security_group_id=cluster_group,
    )
    _complete_cluster(endpoint, facts)
    _identity_provider(iam)
    _pod_identity_agent(eks)
    return SeededCloud(CLUSTER_NAME, OIDC_ISSUER, vpc_id, cluster_group, node_group, ACCOUNT_ID, REGION)


def _vpc(ec2: "EC2Client") -> str:
    found = ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": [CLUSTER_NAME]}])["Vpcs"]
    if found:
        return found[0]["VpcId"]
    tags = [{"ResourceType": "vpc", "Tags": [{"Key": "Name", "Value": CLUSTER_NAME}]}]
    return ec2.create_vpc(CidrBlock=VPC_CIDR, TagSpecifications=tags)["Vpc"]["VpcId"]  # type: ignore[arg-type] # the type is a literal


def _subnet(ec2: "EC2Client", vpc_id: str, zone: str, cidr: str) -> str:
    filters = [{"Name": "vpc-id", "Values": [vpc_id]}, {"Name": "cidr-block", "Values": [cidr]}]
    found = ec2.describe_subnets(Filters=filters)["Subnets"]  # type: ignore[arg-type]
    if found:
        return found[0]["SubnetId"]
    return ec2.create_subnet(VpcId=vpc_id, AvailabilityZone=zone, CidrBlock=cidr)["Subnet"]["SubnetId"]


def _security_group(ec2: "EC2Client", vpc_id: str, part: str, description: str) -> str:
    name = f"{CLUSTER_NAME}-{part}"
    found = ec2.describe_security_groups(
        Filters=[{"Name": "vpc-id", "Values": [vpc_id]}, {"Name": "group-name", "Values": [name]}]
    )["SecurityGroups"]
    if found:
        return found[0]["GroupId"]
    return ec2.create_security_group(GroupName=name, Description=description, VpcId=vpc_id)["GroupId"]


def _cluster_role(iam: "IAMClient") -> str:
    try:
        return iam.get_role(RoleName=CLUSTER_ROLE)["Role"]["Arn"]
    except iam.exceptions.NoSuchEntityException:
        created = iam.create_role(RoleName=CLUSTER_ROLE, AssumeRolePolicyDocument=json.dumps(CLUSTER_TRUST))
        return created["Role"]["Arn"]


def _cluster(eks: "EKSClient", kubernetes: str, role_arn: str, subnet_ids: list[str]) -> None:
    if CLUSTER_NAME in eks.list_clusters()["clusters"]:
        return
    eks.create_cluster(
        name=CLUSTER_NAME,
        # Of the numbers EKS names the first two.
        version=kubernetes.rpartition(".")[0],
        roleArn=role_arn,
        resourcesVpcConfig={"subnetIds": subnet_ids},
    )


def _pod_identity_agent(eks: "EKSClient") -> None:
    try:
        eks.create_addon(clusterName=CLUSTER_NAME, addonName=AGENT_ADDON)
    except eks.exceptions.ResourceInUseException:
        return


def _complete_cluster(endpoint: AwsEndpoint, facts: ClusterFacts) -> None:
    request = urllib.request.Request(  # noqa: S310 loopback
        f"{endpoint.url}{CONTROL_PREFIX}eks/{REGION}/{CLUSTER_NAME}",
        data=json.dumps(asdict(facts)).encode(),
        method="PUT",
    )
    try:
        with urllib.request.urlopen(request, timeout=10.0):  # noqa: S310 loopback
            return
    except urllib.error.HTTPError as error:
        raise SandboxError(f"the EKS cluster was not completed: {error.read().decode().strip()}") from error


def _identity_provider(iam: "IAMClient") -> None:
    arn = iam_arn(f"oidc-provider/{OIDC_ISSUER.removeprefix('https://')}")
    providers = iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
    if arn not in [provider["Arn"] for provider in providers]:
        iam.create_open_id_connect_provider(
            Url=OIDC_ISSUER, ClientIDList=[STS_AUDIENCE], ThumbprintList=[ISSUER_THUMBPRINT]
        )
