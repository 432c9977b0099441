"""Stacks of the program's AWS part, empty and deployed."""

import json
from itertools import count
from typing import Any

import pytest

from tests.integration.aws.permissions.permission_stack import (
    Configuration,
    Deployed,
    NewSettings,
    deploy,
    empty_stack,
    fill_versions,
    settings_for,
)
from tests.integration.aws.running_cloud import Cloud, allow, document
from tests.integration.plugin_stack import PluginStack


@pytest.fixture(scope="session")
def empty(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> PluginStack:
    return empty_stack(cloud, tmp_path_factory.mktemp("empty"))


@pytest.fixture(scope="session")
def boundaries(cloud: Cloud) -> tuple[str, str]:
    """Two policies that a role may be bound by."""
    first, second = (
        cloud.iam().create_policy(PolicyName=name, PolicyDocument=document(allow("kms:*")))["Policy"]["Arn"]
        for name in ("boundary-one", "boundary-two")
    )
    return first, second


@pytest.fixture(scope="session")
def new_settings(cloud: Cloud, boundaries: tuple[str, str]) -> NewSettings:
    """Makes settings with names, a port and a group of nodes that nothing else has."""
    numbers = count(1)
    vpc = cloud.ec2().describe_security_groups(GroupIds=[cloud.seeded.node_security_group_id])
    vpc_id = vpc["SecurityGroups"][0]["VpcId"]

    def make(**changes: Any) -> Configuration:
        number = next(numbers)
        # The rules of a group are read one by one.
        nodes = cloud.ec2().create_security_group(
            GroupName=f"nodes-{number}", Description="nodes", VpcId=vpc_id
        )
        return settings_for(
            cloud,
            **{
                "key": {
                    "alias": f"alias/vault-{number}",
                    "retainOnDestroy": False,
                    "deletionWindowDays": 7,
                },
                "role": {
                    "name": f"vault-{number}",
                    "policyName": f"unseal-{number}",
                    "path": "/vault/",
                    "permissionsBoundary": boundaries[0],
                },
                "injector": {"port": 20000 + number},
                "nodeSecurityGroupId": nodes["GroupId"],
                "tags": {"team": "one", "passing": "yes"},
                **changes,
            },
        )

    return make


@pytest.fixture(scope="session")
def deployed(
    cloud: Cloud, empty: PluginStack, new_settings: NewSettings, tmp_path_factory: pytest.TempPathFactory
) -> Deployed:
    """Deployed, then changed by hand where no setting leads to a change, and seen by a refresh."""
    found = deploy(empty, tmp_path_factory.mktemp("deployed"), new_settings())
    iam, kms, role = cloud.iam(), cloud.kms(), found.settings["role"]
    iam.put_role_policy(
        RoleName=role["name"], PolicyName="somebodys", PolicyDocument=document(allow("s3:ListAllMyBuckets"))
    )
    fill_versions(cloud, found.settings)
    policy = json.loads(kms.get_key_policy(KeyId=found.key_id, PolicyName="default")["Policy"])
    policy["Statement"][0]["Action"].remove("kms:ListGrants")
    kms.put_key_policy(KeyId=found.key_id, PolicyName="default", Policy=json.dumps(policy))
    found.stack.pulumi("refresh", "--yes", "--skip-preview")
    return found
