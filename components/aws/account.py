"""Looks up the AWS account of a stack without an EKS cluster."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.aws.cluster import EksCluster, look_up


@dataclass(frozen=True)
class AwsAccount:
    """The account and region that the key is in."""

    partition: str
    account_id: str
    region: str
    provider: aws.Provider


def account_of(cluster: EksCluster) -> AwsAccount:
    """Return the account and region of an EKS cluster."""
    return AwsAccount(cluster.partition, cluster.account_id, cluster.region, cluster.provider)


def look_up_account(region: str) -> AwsAccount:
    """Look up the account of the AWS credentials in use.

    Raises :class:`DeploymentError` if there are none, or AWS doesn't take them.
    """
    provider = aws.Provider("aws", region=region)
    caller = look_up(
        f"The AWS account can't be read in {region}",
        "Check region, and that there are AWS credentials (aws sts get-caller-identity).",
        lambda: aws.get_caller_identity(opts=pulumi.InvokeOptions(provider=provider)),
    )
    return AwsAccount(caller.arn.split(":")[1], caller.account_id, region, provider)
