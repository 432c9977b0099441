"""Tells the AWS account and region that the seal's key is in, with an EKS cluster or without."""

from dataclasses import dataclass

import pulumi_aws as aws

from components.aws.cluster import EksCluster, identify_caller
from components.aws.provider_settings import AwsProviderSettings


@dataclass(frozen=True)
class AwsAccount:
    """An account, a region of it, and the provider for both."""

    partition: str
    account_id: str
    region: str
    provider: aws.Provider


def account_of(cluster: EksCluster) -> AwsAccount:
    """Return the account and region of an EKS cluster."""
    return AwsAccount(cluster.partition, cluster.account_id, cluster.region, cluster.provider)


def look_up_account(region: str, provider_settings: AwsProviderSettings) -> AwsAccount:
    """Look up the account of the AWS credentials in use.

    Raises :class:`DeploymentError` if they don't work, or are of an account that may not be used.
    """
    provider = aws.Provider("aws", region=region, **provider_settings.provider_arguments())
    caller = identify_caller(region, provider)
    return AwsAccount(caller["arn"].split(":")[1], caller["accountId"], region, provider)
