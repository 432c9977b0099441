"""The rights for `pulumi destroy`: steps of one deployment, from what nothing needs to what all others need.

They run in order.
"""

from dataclasses import dataclass

import pytest

from components.permissions.aws import destroy_policy
from sandbox.aws.account import iam_arn
from tests.integration.aws.permissions.permission_stack import (
    Deployed,
    NewSettings,
    assert_named,
    bearer,
    deploy,
    scope_of,
    without,
)
from tests.integration.aws.permissions.tried_actions import DELETIONS
from tests.integration.aws.running_cloud import Cloud, allow, document, refusal
from tests.integration.plugin_stack import PluginStack


@dataclass(frozen=True)
class Doomed:
    """A deployed stack, and how somebody with a document takes a part of it down."""

    cloud: Cloud
    deployed: Deployed

    @property
    def document(self) -> str:
        return destroy_policy(scope_of(self.deployed.settings, self.deployed.key_id))

    def destroy(self, document: str, *options: str, fails: bool = False) -> str:
        """Run by a user who has that document; what is left is what the next call finds."""
        stack = self.deployed.stack
        who = bearer(self.cloud, document)
        keys = {"AWS_ACCESS_KEY_ID": who.access_key_id, "AWS_SECRET_ACCESS_KEY": who.secret_access_key}
        stack.variables = {**stack.variables, **keys}
        return stack.pulumi("destroy", "--yes", "--skip-preview", *options, fails=fails)


@pytest.fixture(scope="module")
def doomed(
    cloud: Cloud, empty: PluginStack, new_settings: NewSettings, tmp_path_factory: pytest.TempPathFactory
) -> Doomed:
    """With an older version of its policy, and with the attachment recorded by a refresh."""
    found = deploy(empty, tmp_path_factory.mktemp("doomed"), new_settings())
    cloud.iam().create_policy_version(
        PolicyArn=iam_arn(f"policy/vault/{found.settings['role']['policyName']}"),
        PolicyDocument=document(allow("kms:DescribeKey")),
        SetAsDefault=True,
    )
    found.stack.pulumi("refresh", "--yes", "--skip-preview")
    return Doomed(cloud, found)


@pytest.mark.parametrize(("resource", "action"), DELETIONS, ids=[action for _, action in DELETIONS])
def test_destroy_misses_each_action(doomed: Doomed, resource: str, action: str) -> None:
    target = ("--target", doomed.deployed.stack.urn(resource))
    assert_named(doomed.destroy(without(doomed.document, action), *target, fails=True), action)
    if action == [other for name, other in DELETIONS if name == resource][-1]:
        doomed.destroy(doomed.document, *target)


def test_destroy_rights_are_enough(cloud: Cloud, doomed: Doomed) -> None:
    """The steps before took the parts down one by one; this is what was left, and a look at AWS."""
    doomed.destroy(doomed.document)
    settings = doomed.deployed.settings
    key = cloud.kms().describe_key(KeyId=doomed.deployed.key_id)["KeyMetadata"]
    assert key["KeyState"] == "PendingDeletion"
    with refusal("NoSuchEntity"):
        cloud.iam().get_role(RoleName=settings["role"]["name"])
    aliases = [alias["AliasName"] for alias in cloud.kms().list_aliases()["Aliases"]]
    assert settings["key"]["alias"] not in aliases
