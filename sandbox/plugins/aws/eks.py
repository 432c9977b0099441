"""The functions ``aws:eks/getCluster:getCluster`` and ``aws:eks/getAddon:getAddon``."""

import re
from typing import TYPE_CHECKING

from sandbox.plugins.aws.api import Aws, error_code, failing_as, one_error
from sandbox.plugins.property_values import PropertyMap, PropertyValue
from sandbox.plugins.provider import ProviderError

if TYPE_CHECKING:
    from mypy_boto3_eks.type_defs import ClusterTypeDef


def get_cluster(aws: Aws, arguments: PropertyMap) -> PropertyMap:
    """Describe an EKS cluster; parts that it does not have are empty lists, as in the real plugin."""
    from botocore.exceptions import ClientError

    name = arguments.get("name")
    if not isinstance(name, str) or not re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z_-]{0,99}", name):
        raise ProviderError(
            one_error(
                "name must be between 1 and 100 characters of [0-9A-Za-z_-], the first a letter or a digit"
            )
        )
    with failing_as(f"reading EKS Cluster ({name})", "eks"):
        try:
            cluster = aws.client("eks").describe_cluster(name=name)["cluster"]
        except ClientError as error:
            if error_code(error) == "ResourceNotFound":
                raise ProviderError(
                    one_error(f"reading EKS Cluster ({name}): couldn't find resource")
                ) from error
            raise
    return {**_main(cluster, name, aws.region), **_blocks(cluster)}


def _main(cluster: "ClusterTypeDef", name: str, region: str) -> PropertyMap:
    enabled: list[PropertyValue] = [
        kind
        for setup in cluster.get("logging", {}).get("clusterLogging", [])
        if setup.get("enabled", False)
        for kind in setup.get("types", [])
    ]
    tags: dict[str, PropertyValue] = {
        key: value for key, value in cluster.get("tags", {}).items() if not key.startswith("aws:")
    }
    created = cluster.get("createdAt")
    return {
        "arn": cluster.get("arn", ""),
        "clusterId": cluster.get("id", ""),
        "createdAt": created.strftime("%Y-%m-%dT%H:%M:%SZ") if created else "",
        "deletionProtection": cluster.get("deletionProtection", False),
        "enabledClusterLogTypes": enabled,
        "endpoint": cluster.get("endpoint", ""),
        "id": name,
        "name": name,
        "platformVersion": cluster.get("platformVersion", ""),
        "region": region,
        "roleArn": cluster.get("roleArn", ""),
        "status": cluster.get("status", ""),
        "tags": tags,
        "version": cluster.get("version", ""),
    }


def _blocks(cluster: "ClusterTypeDef") -> PropertyMap:
    issuer = cluster.get("identity", {}).get("oidc", {}).get("issuer")
    certificate = cluster.get("certificateAuthority", {}).get("data")
    network = cluster.get("kubernetesNetworkConfig", {})
    access = cluster.get("accessConfig", {})
    compute = cluster.get("computeConfig", {})
    upgrade = cluster.get("upgradePolicy", {})
    vpc = cluster.get("resourcesVpcConfig", {})
    return {
        "accessConfigs": [
            {
                "authenticationMode": access.get("authenticationMode", ""),
                "bootstrapClusterCreatorAdminPermissions": access.get(
                    "bootstrapClusterCreatorAdminPermissions", False
                ),
            }
        ]
        if access
        else [],
        "certificateAuthorities": [{"data": certificate}] if certificate else [],
        "computeConfigs": [
            {
                "enabled": compute.get("enabled", False),
                "nodePools": list[PropertyValue](compute.get("nodePools", [])),
                "nodeRoleArn": compute.get("nodeRoleArn", ""),
            }
        ]
        if compute
        else [],
        "controlPlaneScalingConfigs": [],
        "identities": [{"oidcs": [{"issuer": issuer}]}] if issuer else [],
        "kubeApiServerConfigs": [],
        "kubeControllerManagerConfigs": [],
        "kubeSchedulerConfigs": [],
        "kubernetesNetworkConfigs": [
            {
                "elasticLoadBalancings": [],
                "ipFamily": network.get("ipFamily", ""),
                "serviceIpv4Cidr": network.get("serviceIpv4Cidr", ""),
                "serviceIpv6Cidr": network.get("serviceIpv6Cidr", ""),
            }
        ]
        if network
        else [],
        "outpostConfigs": [],
        "remoteNetworkConfigs": [],
        "storageConfigs": [],
        "upgradePolicies": [{"supportType": upgrade.get("supportType", "")}] if upgrade else [],
        "vpcConfig": {
            "clusterSecurityGroupId": vpc.get("clusterSecurityGroupId", ""),
            "controlPlaneEgressMode": "",
            "endpointPrivateAccess": vpc.get("endpointPrivateAccess", False),
            "endpointPublicAccess": vpc.get("endpointPublicAccess", False),
            "publicAccessCidrs": list[PropertyValue](vpc.get("publicAccessCidrs", [])),
            "securityGroupIds": list[PropertyValue](vpc.get("securityGroupIds", [])),
            "subnetIds": list[PropertyValue](vpc.get("subnetIds", [])),
            "vpcId": vpc.get("vpcId", ""),
        },
        "zonalShiftConfigs": [],
    }


def get_addon(aws: Aws, arguments: PropertyMap) -> PropertyMap:
    """Describe an add-on of an EKS cluster."""
    from botocore.exceptions import ClientError

    cluster, name = str(arguments["clusterName"]), str(arguments["addonName"])
    identifier = f"{cluster}:{name}"
    with failing_as(f"reading EKS Add-On ({identifier})", "eks"):
        try:
            addon = aws.client("eks").describe_addon(clusterName=cluster, addonName=name)["addon"]
        except ClientError as error:
            if error_code(error) == "ResourceNotFound":
                raise ProviderError(
                    one_error(f"reading EKS Add-On ({identifier}): couldn't find resource")
                ) from error
            raise
    return {
        "addonName": name,
        "addonVersion": addon.get("addonVersion", ""),
        "arn": addon.get("addonArn", ""),
        "clusterName": cluster,
        "configurationValues": addon.get("configurationValues", ""),
        "id": identifier,
        "podIdentityAssociations": [],
        "region": aws.region,
        "serviceAccountRoleArn": addon.get("serviceAccountRoleArn", ""),
        "tags": {},
    }
