"""The webhook's security-group rules on the real engine: the stack's own, and those of others."""

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from sandbox.layout import REPOSITORY
from tests.integration.aws.permissions.permission_stack import branch, settings_for
from tests.integration.aws.running_cloud import OPERATOR, Cloud
from tests.integration.plugin_stack import PluginStack

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import IpPermissionTypeDef, UserIdGroupPairTypeDef

PROGRAM = """
import pulumi
from components.cluster_lookup import look_up_cluster
from components.settings import load_settings
from components.webhook_rule import open_webhook

settings = load_settings()
for name, output in open_webhook(settings, look_up_cluster(settings)).outputs.items():
    pulumi.export(name, output)
"""
PORT = 8080

# The engine runs several times in each.
pytestmark = pytest.mark.timeout(900)


class Nodes:
    """Two security groups of nodes, the stack that opens the webhook's port in them, and others who do."""

    def __init__(self, cloud: Cloud, folder: Path) -> None:
        self.cloud = cloud
        vpc = cloud.ec2().describe_security_groups(GroupIds=[cloud.seeded.node_security_group_id])
        self.groups = [
            cloud.ec2().create_security_group(
                GroupName=f"nodes-{uuid4().hex[:12]}",
                Description="nodes",
                VpcId=vpc["SecurityGroups"][0]["VpcId"],
            )["GroupId"]
            for _ in range(2)
        ]
        self.stack = PluginStack(folder, {"AWS_ENDPOINT_URL": cloud.url, "PYTHONPATH": str(REPOSITORY)})
        self.stack.program(PROGRAM)
        self._copies = (folder.with_name(f"{folder.name}-{number}") for number in itertools.count())

    def configure(self, **settings: Any) -> None:
        """Give the stack these settings beside those that it can't do without."""
        chosen = {**settings_for(self.cloud, seal="shamir"), **settings}
        if "nodeSecurityGroupId" not in settings:
            del chosen["nodeSecurityGroupId"]
        self.stack = branch(self.stack, next(self._copies), chosen, OPERATOR)

    def open_by_hand(self, group: str) -> str:
        """Create the rule as somebody else does; returns its id."""
        source: UserIdGroupPairTypeDef = {
            "GroupId": self.cloud.seeded.cluster_security_group_id,
            "Description": "Terraform",
        }
        permission: IpPermissionTypeDef = {
            "IpProtocol": "tcp",
            "FromPort": PORT,
            "ToPort": PORT,
            "UserIdGroupPairs": [source],
        }
        created = self.cloud.ec2().authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])
        return created["SecurityGroupRules"][0]["SecurityGroupRuleId"]

    def rules(self, group: str) -> list[str]:
        """The ids of the group's ingress rules."""
        found = self.cloud.ec2().describe_security_group_rules(
            Filters=[{"Name": "group-id", "Values": [group]}]
        )
        return [rule["SecurityGroupRuleId"] for rule in found["SecurityGroupRules"] if not rule["IsEgress"]]

    def revoke(self, group: str) -> None:
        """Delete the group's ingress rules by hand."""
        self.cloud.ec2().revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=self.rules(group))


@pytest.fixture
def nodes(cloud: Cloud, tmp_path: Path) -> Nodes:
    (tmp_path / "nodes").mkdir()
    return Nodes(cloud, tmp_path / "nodes")


def test_own_rule_stays_and_gets_another_beside_it(nodes: Nodes) -> None:
    first, second = nodes.groups
    nodes.configure(nodeSecurityGroupId=first)
    nodes.stack.up()
    (rule,) = nodes.rules(first)
    assert nodes.stack.outputs() == {"ingress_rule_id": rule}
    # The list that takes the setting's place, in any order, leaves the rule that is there as it is.
    nodes.configure(nodeSecurityGroupIds=[second, first])
    nodes.stack.up()
    assert nodes.rules(first) == [rule]
    assert len(nodes.rules(second)) == 1
    assert nodes.stack.foretold() == {}
    nodes.configure(nodeSecurityGroupIds=[second])
    nodes.stack.up()
    assert (nodes.rules(first), len(nodes.rules(second))) == ([], 1)


def test_equal_rule_of_somebody_else_is_used_and_outlives_the_stack(nodes: Nodes) -> None:
    group, _ = nodes.groups
    foreign = nodes.open_by_hand(group)
    nodes.configure(nodeSecurityGroupIds=[group])
    said = nodes.stack.up()
    assert f"the rule {foreign} is there already" in said
    assert nodes.stack.outputs() == {}
    nodes.stack.pulumi("destroy", "--yes", "--skip-preview")
    assert nodes.rules(group) == [foreign]


def test_rule_that_the_groups_owner_deleted_is_told_and_created_again(nodes: Nodes) -> None:
    group, _ = nodes.groups
    nodes.configure(nodeSecurityGroupIds=[group])
    nodes.stack.up()
    (rule,) = nodes.rules(group)
    nodes.revoke(group)
    assert f"The rule {rule}, which this stack created in {group}, is gone" in nodes.stack.up()
    assert nodes.rules(group) == []
    nodes.stack.pulumi("up", "--yes", "--skip-preview", "--refresh")
    (again,) = nodes.rules(group)
    assert again != rule
    # The owner has the rule in a configuration of their own now.
    nodes.revoke(group)
    foreign = nodes.open_by_hand(group)
    nodes.stack.up()
    assert nodes.stack.outputs() == {}
    assert nodes.rules(group) == [foreign]
