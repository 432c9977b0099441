"""What is seeded is what the program looks up."""

import base64

from sandbox.aws.account import ACCOUNT_ID, CLUSTER_NAME, OIDC_ISSUER
from sandbox.aws.seed import seed
from sandbox.network import REGION
from tests.integration.aws.running_cloud import (
    API_SERVER_URL,
    CLUSTER_CA,
    ISSUER_NAME,
    PROVIDER_ARN,
    Cloud,
    refusal,
)


def test_the_cluster_is_as_eks_describes_one(cloud: Cloud) -> None:
    cluster = cloud.eks().describe_cluster(name=CLUSTER_NAME)["cluster"]
    assert cluster["status"] == "ACTIVE"
    assert cluster["arn"] == f"arn:aws:eks:{REGION}:{ACCOUNT_ID}:cluster/{CLUSTER_NAME}"
    assert cluster["identity"]["oidc"]["issuer"] == OIDC_ISSUER
    assert cluster["endpoint"] == API_SERVER_URL
    assert base64.b64decode(cluster["certificateAuthority"]["data"]) == CLUSTER_CA
    network = cluster["resourcesVpcConfig"]
    assert network["vpcId"] == cloud.seeded.vpc_id
    assert network["clusterSecurityGroupId"] == cloud.seeded.cluster_security_group_id
    assert len(network["subnetIds"]) == 2


def test_a_cluster_that_does_not_exist_is_not_found(cloud: Cloud) -> None:
    with refusal("ResourceNotFoundException", "No cluster found for name: other."):
        cloud.eks().describe_cluster(name="other")


def test_the_identity_provider_is_registered(cloud: Cloud) -> None:
    provider = cloud.iam().get_open_id_connect_provider(OpenIDConnectProviderArn=PROVIDER_ARN)
    assert provider["Url"] == ISSUER_NAME
    assert provider["ClientIDList"] == ["sts.amazonaws.com"]


def test_the_security_groups_are_two_and_take_rules(cloud: Cloud) -> None:
    cluster, node = cloud.seeded.cluster_security_group_id, cloud.seeded.node_security_group_id
    assert cluster != node
    groups = cloud.ec2().describe_security_groups(GroupIds=[cluster, node])["SecurityGroups"]
    assert {group["VpcId"] for group in groups} == {cloud.seeded.vpc_id}
    rule = cloud.ec2().authorize_security_group_ingress(
        GroupId=node,
        IpPermissions=[
            {
                "IpProtocol": "tcp",
                "FromPort": 8080,
                "ToPort": 8080,
                "UserIdGroupPairs": [{"GroupId": cluster, "Description": "webhook"}],
            }
        ],
    )["SecurityGroupRules"][0]
    assert rule["ReferencedGroupInfo"]["GroupId"] == cluster
    cloud.ec2().revoke_security_group_ingress(
        GroupId=node, SecurityGroupRuleIds=[rule["SecurityGroupRuleId"]]
    )


def test_seeding_again_changes_nothing(cloud: Cloud) -> None:
    again = seed(cloud.endpoint, api_server_url=API_SERVER_URL, cluster_certificate_authority=CLUSTER_CA)
    assert again == cloud.seeded
