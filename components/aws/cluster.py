"""Looks up the EKS cluster that Vault runs on; never changes it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypeVar

import pulumi
import pulumi_aws as aws

from components.aws.credentials import CredentialSource
from components.aws.policies import POD_IDENTITY_AGENT
from components.aws.provider_settings import AwsProviderSettings
from components.errors import DeploymentError
from components.kubernetes.kubeconfig import exec_kubeconfig
from components.kubernetes.managed_cluster import ManagedCluster

Found = TypeVar("Found")


@dataclass(frozen=True)
class EksCluster(ManagedCluster):
    """An EKS cluster, as the other components need to know it."""

    cloud: ClassVar[Literal["aws"]] = "aws"
    region: str
    partition: str
    """The AWS partition, such as `aws` or `aws-cn`."""
    account_id: str
    endpoint: str
    """URL of the API server."""
    certificate_authority: str
    """The API server's CA certificate, base64 of PEM."""
    issuer: str
    """URL of the OIDC issuer that signs service-account tokens; empty if none is needed or there."""
    security_group_id: str
    """The group that EKS puts on the control plane's network interfaces, and on nodes that have no other.

    Its members reach each other on every port (the EKS guide, "Amazon EKS security group requirements").
    """
    oidc_provider_arn: str | None
    """ARN of the account's OIDC provider for the issuer; None if the seal needs no AWS identity."""
    provider: aws.Provider
    """The AWS provider for the cluster's region and account."""
    credentials: CredentialSource = field(default_factory=CredentialSource)
    """The credentials that the provider uses, too."""

    @property
    def arn(self) -> str:
        """The cluster's ARN."""
        return f"arn:{self.partition}:eks:{self.region}:{self.account_id}:cluster/{self.name}"

    @property
    def identity(self) -> str:
        """The cluster's account, region and name."""
        return f"eks:{self.partition}:{self.account_id}:{self.region}:{self.name}"

    @property
    def token_command(self) -> tuple[str, str]:
        """The AWS CLI and the URL of its installation guide."""
        return "aws", "docs.aws.amazon.com/cli"

    def kubeconfig(self) -> str:
        """Return a kubeconfig that runs the AWS CLI for a token at each use.

        Source: the EKS guide, "Create kubeconfig file manually".
        """
        return exec_kubeconfig(
            self.name,
            endpoint=self.endpoint,
            certificate_authority=self.certificate_authority,
            token_command={
                "command": "aws",
                "args": [
                    *("eks", "get-token", "--output", "json"),
                    *("--cluster-name", self.name, "--region", self.region),
                    *self.credentials.token_options(),
                ],
            },
        )


def look_up_eks_cluster(
    name: str,
    region: str,
    *,
    needs_oidc_provider: bool,
    needs_pod_identity_agent: bool,
    node_security_group_ids: Sequence[str],
    provider_settings: AwsProviderSettings,
) -> EksCluster:
    """Look up the account, the cluster, what gives pods their identity, and the security groups of its nodes.

    ``needs_oidc_provider`` tells if Vault's pods assume a role by their tokens (IRSA), and
    ``needs_pod_identity_agent`` if EKS assumes it for them. Raises :class:`DeploymentError` if the
    credentials don't work, the account may not be used, there is no such cluster in the region or it isn't
    ready, it has no OIDC provider or agent though one is needed, or there is no such node security group.
    """
    provider = aws.Provider("aws", region=region, **provider_settings.provider_arguments())
    identify_caller(region, provider)
    found = look_up(
        f"EKS cluster {name!r} can't be read in {region}",
        "Check clusterName and region, and that the AWS credentials in use may eks:DescribeCluster "
        f"(aws eks describe-cluster --name {name} --region {region}).",
        lambda: call_function("aws:eks/getCluster:getCluster", {"name": name}, provider),
    )
    # arn:<partition>:eks:<region>:<account>:cluster/<name>
    _, partition, _, _, account_id, _ = found["arn"].split(":", 5)
    certificate_authority = _certificate_authority(name, region, found)
    issuer = _issuer(name, found, needed=needs_oidc_provider)
    oidc_provider_arn = _oidc_provider_arn(name, region, issuer, provider) if needs_oidc_provider else None
    if needs_pod_identity_agent:
        _require_pod_identity_agent(name, region, found, provider)
    control_plane_group = found["vpcConfig"]["clusterSecurityGroupId"]
    for group in node_security_group_ids:
        if group != control_plane_group:
            _require_security_group(group, region, provider)
    return EksCluster(
        name=name,
        region=region,
        partition=partition,
        account_id=account_id,
        endpoint=found["endpoint"],
        certificate_authority=certificate_authority,
        issuer=issuer,
        oidc_provider_arn=oidc_provider_arn,
        security_group_id=control_plane_group,
        provider=provider,
        credentials=provider_settings.credentials,
    )


def identify_caller(region: str, provider: aws.Provider) -> Mapping[str, Any]:
    """Return and log whose credentials are in use, as a cluster of one name may be in several accounts.

    Raises :class:`DeploymentError` if they don't work, or are of an account that may not be used.
    """
    caller = look_up(
        f"The AWS credentials in use don't work in {region}",
        "Check them (aws sts get-caller-identity) and, if they are set, aws:profile, aws:assumeRoles, "
        "aws:allowedAccountIds and aws:forbiddenAccountIds.",
        lambda: call_function("aws:index/getCallerIdentity:getCallerIdentity", {}, provider),
    )
    pulumi.log.info(f"AWS account {caller['accountId']}, region {region}, as {caller['arn']}")
    return caller


def _certificate_authority(name: str, region: str, found: Mapping[str, Any]) -> str:
    """Return the cluster's CA; raise :class:`DeploymentError` if the cluster isn't ready to be used."""
    authorities = [each["data"] for each in found["certificateAuthorities"]]
    if authorities and found["endpoint"] and found["status"] != "DELETING":
        return str(authorities[0])
    raise DeploymentError(
        f"EKS cluster {name!r} isn't ready, it is {found['status']}. Wait until it is there (aws eks wait "
        f"cluster-active --name {name} --region {region}); one that has failed has to be created again."
    )


def _issuer(name: str, found: Mapping[str, Any], *, needed: bool) -> str:
    issuers = [each["issuer"] for identity in found["identities"] for each in identity["oidcs"]]
    if needed and not issuers:
        raise DeploymentError(
            f"EKS cluster {name!r} has no OIDC issuer, as local clusters on Outposts, so Vault's pods can't "
            "assume a role with tokens of the cluster. Set identity.kind to pod-identity or static, or seal "
            "to one that needs no role."
        )
    return str(issuers[0]) if issuers else ""


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


def _require_pod_identity_agent(
    name: str, region: str, cluster: Mapping[str, Any], provider: aws.Provider
) -> None:
    # EKS Auto Mode runs the agent on its nodes without the add-on.
    if any(config["enabled"] for config in cluster.get("computeConfigs") or ()):
        return
    look_up(
        f"The add-on {POD_IDENTITY_AGENT} of EKS cluster {name!r} can't be read, without which pods get no "
        "credentials (identity.kind is pod-identity)",
        f"Add it: aws eks create-addon --addon-name {POD_IDENTITY_AGENT} --cluster-name {name} --region "
        f"{region}; or set identity.kind to irsa. Whoever runs pulumi preview needs eks:DescribeAddon.",
        lambda: call_function(
            "aws:eks/getAddon:getAddon", {"addonName": POD_IDENTITY_AGENT, "clusterName": name}, provider
        ),
    )


def _require_security_group(group: str, region: str, provider: aws.Provider) -> None:
    look_up(
        f"The node security group {group} can't be read in {region}",
        "Set nodeSecurityGroupIds to the groups of the nodes (aws ec2 describe-security-groups).",
        lambda: call_function("aws:ec2/getSecurityGroup:getSecurityGroup", {"id": group}, provider),
    )


def call_function(token: str, arguments: Mapping[str, Any], provider: aws.Provider) -> Mapping[str, Any]:
    """Return the provider's answer, by the function's token.

    The SDK's own functions come with all types of their service; those of EC2 take 0.4 s of every preview.
    """
    options = pulumi.InvokeOptions(provider=provider)
    answer: Mapping[str, Any] = pulumi.runtime.invoke(token, arguments, options).value
    return answer


def look_up(what: str, fix: str, invoke: Callable[[], Found]) -> Found:
    """Return the answer of ``invoke``; raise :class:`DeploymentError` with ``what`` and ``fix`` otherwise."""
    try:
        return invoke()
    # The SDK raises the bare Exception for a failed invoke (pulumi/runtime/invoke.py), so nothing
    # narrower can be named; the cause is kept in the message.
    except Exception as error:
        reason = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
        raise DeploymentError(f"{what}: {reason}\n{fix}") from error
