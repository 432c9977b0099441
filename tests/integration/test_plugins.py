"""The stand-in for the provider plugin `aws`, on the real engine and moto.

The tests are steps of one deployment and run in order.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

from tests.integration.plugin_stack import PluginStack

REGION = "ap-northeast-2"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
ISSUER = f"https://oidc.eks.{REGION}.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF"
PROGRAM = """
import json
import pulumi
import pulumi_aws as aws

ROOT = "arn:aws:iam::123456789012:root"
provider = aws.Provider("provider", region="{region}")
options = pulumi.ResourceOptions(provider=provider)
lookup = pulumi.InvokeOptions(provider=provider)
cluster = aws.eks.get_cluster_output(name="cluster", opts=lookup)
issuer = aws.iam.get_open_id_connect_provider_output(url="{issuer}", opts=lookup)
nodes = aws.ec2.get_security_group_output(id="{nodes}", opts=lookup)


def document(**statement):
    return json.dumps({{"Version": "2012-10-17", "Statement": [statement]}}, indent={indent})


key = aws.kms.Key(
    "key",
    description=pulumi.Output.secret("hidden description"),
    enable_key_rotation=True,
    deletion_window_in_days={window},
    policy=document(Effect="Allow", Principal={{"AWS": ROOT}}, Action="kms:*", Resource="*"),
    tags={{"team": "{team}"}},
    opts=options,
)
aws.kms.Alias("alias", name="{alias}", target_key_id=key.key_id, opts=options)
role = aws.iam.Role(
    "role",
    name="vault",
    path="{path}",
    assume_role_policy=issuer.arn.apply(
        lambda arn: document(Effect="Allow", Principal={{"Federated": arn}}, Action="sts:AssumeRole")
    ),
    opts=options,
)
policy = aws.iam.Policy(
    "policy",
    policy=key.arn.apply(lambda arn: document(Effect="Allow", Action="{action}", Resource=arn)),
    opts=options,
)
aws.iam.RolePolicyAttachment("attachment", role=role.name, policy_arn=policy.arn, opts=options)
aws.vpc.SecurityGroupIngressRule(
    "rule",
    security_group_id=nodes.id,
    referenced_security_group_id="{control_plane}",
    ip_protocol="tcp",
    from_port=8080,
    to_port=8080,
    opts=options,
)
pulumi.export("key", key.key_id)
pulumi.export("role", role.arn)
pulumi.export("policy", policy.arn)
pulumi.export("endpoint", cluster.endpoint)
"""


class Cloud:
    """moto with what the program looks up, and what a test asks of it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.kms = boto3.client(
            "kms", REGION, endpoint_url=url, aws_access_key_id="t", aws_secret_access_key="t"
        )
        self.iam = boto3.client(
            "iam", REGION, endpoint_url=url, aws_access_key_id="t", aws_secret_access_key="t"
        )
        self.ec2 = boto3.client(
            "ec2", REGION, endpoint_url=url, aws_access_key_id="t", aws_secret_access_key="t"
        )
        eks = boto3.client("eks", REGION, endpoint_url=url, aws_access_key_id="t", aws_secret_access_key="t")
        vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnet = self.ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
        self.nodes, self.control_plane = (
            self.ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"]
            for name in ("nodes", "control-plane")
        )
        self.endpoint = eks.create_cluster(
            name="cluster",
            roleArn="arn:aws:iam::123456789012:role/cluster",
            resourcesVpcConfig={"subnetIds": [subnet]},
        )["cluster"]["endpoint"]
        self.issuer = self.iam.create_open_id_connect_provider(
            Url=ISSUER, ClientIDList=["sts.amazonaws.com"], ThumbprintList=["a" * 40]
        )["OpenIDConnectProviderArn"]

    def program(self, **changes: str) -> str:
        """The program, with some of it changed."""
        facts = {
            "action": "kms:Encrypt",
            "alias": "alias/vault",
            "control_plane": self.control_plane,
            "indent": "None",
            "issuer": ISSUER,
            "nodes": self.nodes,
            "path": "/",
            "region": REGION,
            "team": "one",
            "window": "7",
        }
        return PROGRAM.format(**{**facts, **changes})

    def policy_statements(self, arn: str) -> list[Any]:
        """The statements of the default version of a managed policy."""
        version = self.iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        document = self.iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
        assert isinstance(document, dict)
        return list(document["Statement"])


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    """moto, on loopback."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    # moto keeps what it stores by process, so what other tests made would be here, too.
    requests.post(f"http://{host}:{port}/moto-api/reset", timeout=10).raise_for_status()
    yield Cloud(f"http://{host}:{port}")
    server.stop()


@pytest.fixture(scope="module")
def stack(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> PluginStack:
    """The stack that all steps share."""
    folder: Path = tmp_path_factory.mktemp("stack")
    return PluginStack(folder, {**CREDENTIALS, "AWS_ENDPOINT_URL": cloud.url})


def test_a_preview_shows_every_resource_and_makes_none(stack: PluginStack, cloud: Cloud) -> None:
    stack.program(cloud.program())

    assert stack.foretold() == dict.fromkeys(
        ("plugins-test", "provider", "key", "alias", "role", "policy", "attachment", "rule"), "create"
    )
    assert cloud.kms.list_keys()["Keys"] == []


def test_a_deployment_makes_what_was_asked_for(stack: PluginStack, cloud: Cloud) -> None:
    stack.up()
    outputs = stack.outputs()
    key = outputs["key"]

    assert outputs["endpoint"] == cloud.endpoint
    assert cloud.kms.describe_key(KeyId="alias/vault")["KeyMetadata"]["KeyId"] == key
    assert cloud.kms.describe_key(KeyId=key)["KeyMetadata"]["Description"] == "hidden description"
    assert cloud.kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"]
    assert cloud.kms.list_resource_tags(KeyId=key)["Tags"] == [{"TagKey": "team", "TagValue": "one"}]
    trust = cloud.iam.get_role(RoleName="vault")["Role"]["AssumeRolePolicyDocument"]
    assert isinstance(trust, dict)
    statements: list[Any] = list(trust["Statement"])
    assert statements[0]["Principal"] == {"Federated": cloud.issuer}
    attached = cloud.iam.list_attached_role_policies(RoleName="vault")["AttachedPolicies"]
    assert [policy["PolicyArn"] for policy in attached] == [outputs["policy"]]
    rules = cloud.ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [cloud.nodes]}])
    ingress = [rule for rule in rules["SecurityGroupRules"] if not rule["IsEgress"]]
    assert [(rule["FromPort"], rule["ReferencedGroupInfo"]["GroupId"]) for rule in ingress] == [
        (8080, cloud.control_plane)
    ]


def test_a_secret_input_stays_secret_in_the_state(stack: PluginStack) -> None:
    assert "hidden description" not in stack.pulumi("stack", "export")
    assert "ciphertext" in json.dumps(stack.state()["key"]["outputs"]["description"])


def test_nothing_is_to_do_afterwards(stack: PluginStack) -> None:
    assert stack.foretold() == {}
    stack.pulumi("refresh", "--yes", "--skip-preview")
    assert stack.foretold() == {}


def test_policies_in_other_words_are_no_change(stack: PluginStack, cloud: Cloud) -> None:
    stack.program(cloud.program(indent="4"))

    assert stack.foretold() == {}


def test_changes_update_or_replace(stack: PluginStack, cloud: Cloud) -> None:
    changed = {
        "alias": "alias/other",
        "action": "kms:Decrypt",
        "path": "/team/",
        "window": "9",
        "team": "two",
    }
    stack.program(cloud.program(**changed))

    assert stack.foretold() == {
        "key": "update",
        "alias": "replace",
        "policy": "update",
        "role": "replace",
        "attachment": "replace",
    }

    stack.up()
    outputs = stack.outputs()
    assert outputs["role"].endswith(":role/team/vault")
    assert cloud.policy_statements(outputs["policy"]) == [
        {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": stack.state()["key"]["outputs"]["arn"]}
    ]
    assert len(cloud.iam.list_policy_versions(PolicyArn=outputs["policy"])["Versions"]) == 2
    aliases = {alias["AliasName"] for alias in cloud.kms.list_aliases(KeyId=outputs["key"])["Aliases"]}
    assert aliases == {"alias/other"}
    assert cloud.kms.list_resource_tags(KeyId=outputs["key"])["Tags"] == [
        {"TagKey": "team", "TagValue": "two"}
    ]
    assert cloud.iam.list_attached_role_policies(RoleName="vault")["AttachedPolicies"]
    assert stack.foretold() == {}


def test_what_others_have_changed_is_put_right(stack: PluginStack, cloud: Cloud) -> None:
    outputs = stack.outputs()
    cloud.kms.disable_key_rotation(KeyId=outputs["key"])
    cloud.iam.detach_role_policy(RoleName="vault", PolicyArn=outputs["policy"])
    stack.pulumi("refresh", "--yes", "--skip-preview")
    assert stack.foretold() == {"key": "update", "attachment": "create"}

    stack.up()
    assert cloud.kms.get_key_rotation_status(KeyId=outputs["key"])["KeyRotationEnabled"]


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ('name="cluster"', 'name="missing"', "reading EKS Cluster (missing): couldn't find resource"),
        (ISSUER, f"{ISSUER}X", f"reading IAM OIDC Provider ({ISSUER}X): couldn't find resource"),
        ("enable_key_rotation=True", "multi_region=True", "needs the real plugin"),
        ("aws.eks.get_cluster_output(name=", "aws.s3.get_bucket_output(bucket=", "needs the real plugin"),
    ],
)
def test_trouble_is_said_before_anything_is_done(
    stack: PluginStack, cloud: Cloud, old: str, new: str, text: str
) -> None:
    program = cloud.program()
    assert old in program
    stack.program(program.replace(old, new))

    assert text in stack.pulumi("preview", fails=True)


def test_destruction_leaves_the_key_scheduled_for_deletion(stack: PluginStack, cloud: Cloud) -> None:
    outputs = stack.outputs()
    stack.pulumi("destroy", "--yes", "--skip-preview")

    metadata = cloud.kms.describe_key(KeyId=outputs["key"])["KeyMetadata"]
    assert metadata["KeyState"] == "PendingDeletion"
    with pytest.raises(ClientError, match="NoSuchEntity"):
        cloud.iam.get_role(RoleName="vault")
    with pytest.raises(ClientError, match="NoSuchEntity"):
        cloud.iam.get_policy(PolicyArn=outputs["policy"])
    rules = cloud.ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [cloud.nodes]}])
    assert [rule for rule in rules["SecurityGroupRules"] if not rule["IsEgress"]] == []
