"""The EKS cluster that Vault runs on, looked up and never changed."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from components.aws_invocation import look_up
from components.managed_cluster import ManagedCluster
from components.seals import awskms
from components.settings import ClusterSettings, Settings

if TYPE_CHECKING:
    from components.webhook_access import OpenedWebhook


@dataclass(frozen=True)
class EksCluster(ManagedCluster):
    """What the other components need to know of an EKS cluster."""

    region: str
    partition: str
    """`aws`, `aws-cn` or `aws-us-gov`."""
    account_id: str
    endpoint: str
    """URL of the API server."""
    certificate_authority: str
    """The API server's CA certificate, base64 of PEM."""
    issuer: str
    """URL of the OIDC issuer that signs service-account tokens."""
    security_group_id: str
    """The group that EKS puts on the control plane's network interfaces."""
    oidc_provider_arn: str | None
    """ARN of the account's OIDC provider for the issuer; None where the seal needs no AWS identity."""
    provider: aws.Provider
    """The AWS provider for the cluster's region and account."""

    @property
    def identity(self) -> str:
        """Its account, region and name."""
        return f"eks:{self.partition}:{self.account_id}:{self.region}:{self.name}"

    @property
    def token_command(self) -> tuple[str, str]:
        """The AWS CLI."""
        return "aws", "docs.aws.amazon.com/cli"

    def open_webhook(self, settings: Settings) -> "OpenedWebhook":
        """A rule of the nodes' security group."""
        from components.webhook_ingress import open_webhook_ingress

        return open_webhook_ingress(settings, self)

    def kubeconfig(self) -> str:
        """Asks the AWS CLI for a token at each use.

        Source: the EKS guide, "Create kubeconfig file manually".
        """
        return eks_kubeconfig(self)


def look_up_eks_cluster(settings: Settings, wanted: ClusterSettings) -> EksCluster:
    """The cluster that the settings name.

    Everything of AWS that has to be there already is looked up here, before any resource is made.
    Raises :class:`DeploymentError` where there is no such cluster in the region, no OIDC provider for
    it though the seal needs one, or no such node security group.
    """
    name, region = wanted.name, wanted.location
    provider = aws.Provider("aws", region=region)
    found = look_up(
        f"EKS cluster {name!r} can't be read in {region}",
        "Check clusterName and region, and that the AWS credentials in use may eks:DescribeCluster "
        f"(aws eks describe-cluster --name {name} --region {region}).",
        lambda: aws.eks.get_cluster(name=name, opts=pulumi.InvokeOptions(provider=provider)),
    )
    # arn:<partition>:eks:<region>:<account>:cluster/<name>
    _, partition, _, _, account_id, _ = found.arn.split(":", 5)
    issuer = found.identities[0].oidcs[0].issuer
    needs_identity = any(isinstance(seal, awskms.Seal) for seal in settings.seals)
    oidc_provider_arn = _oidc_provider_arn(name, region, issuer, provider) if needs_identity else None
    _require_node_security_group(settings, region, found.vpc_config.cluster_security_group_id, provider)
    return EksCluster(
        name=name,
        region=region,
        partition=partition,
        account_id=account_id,
        endpoint=found.endpoint,
        certificate_authority=found.certificate_authorities[0].data,
        issuer=issuer,
        oidc_provider_arn=oidc_provider_arn,
        security_group_id=found.vpc_config.cluster_security_group_id,
        provider=provider,
    )


def _oidc_provider_arn(name: str, region: str, issuer: str, provider: aws.Provider) -> str:
    found = look_up(
        f"The account has no IAM OIDC provider for EKS cluster {name!r} (issuer {issuer})",
        "Associate one: eksctl utils associate-iam-oidc-provider --approve "
        f"--cluster {name} --region {region}",
        lambda: aws.iam.get_open_id_connect_provider(
            url=issuer, opts=pulumi.InvokeOptions(provider=provider)
        ),
    )
    return found.arn


def _require_node_security_group(
    settings: Settings, region: str, cluster_group: str, provider: aws.Provider
) -> None:
    node_group = settings.node_security_group_id
    if node_group is None or node_group == cluster_group:
        return
    look_up(
        f"The node security group {node_group} can't be read in {region}",
        "Set nodeSecurityGroupId to the group of the nodes (aws ec2 describe-security-groups).",
        # By its token: aws.ec2.get_security_group comes with all types of EC2, 0.4 s of every preview.
        lambda: pulumi.runtime.invoke(
            "aws:ec2/getSecurityGroup:getSecurityGroup",
            {"id": node_group},
            pulumi.InvokeOptions(provider=provider),
        ),
    )


def eks_kubeconfig(cluster: EksCluster) -> str:
    """A kubeconfig for the cluster, as JSON, that asks the AWS CLI for a token at each use.

    It holds no credential. Source: the EKS guide, "Create kubeconfig file manually".
    """
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": cluster.name,
                    "cluster": {
                        "server": cluster.endpoint,
                        "certificate-authority-data": cluster.certificate_authority,
                    },
                }
            ],
            "users": [
                {
                    "name": cluster.name,
                    "user": {
                        "exec": {
                            "apiVersion": "client.authentication.k8s.io/v1beta1",
                            "command": "aws",
                            "args": [
                                *("eks", "get-token", "--output", "json"),
                                *("--cluster-name", cluster.name, "--region", cluster.region),
                            ],
                        }
                    },
                }
            ],
            "contexts": [{"name": cluster.name, "context": {"cluster": cluster.name, "user": cluster.name}}],
            "current-context": cluster.name,
        }
    )
