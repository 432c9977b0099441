"""The rights of Vault's own role, as its pods have them."""

from collections.abc import Callable, Mapping

import pytest
from botocore.exceptions import ClientError

from components.permissions.aws import vault_role_policy
from tests.integration.aws.permissions.permission_stack import (
    NewSettings,
    actions_of,
    assert_named,
    scope_of,
    without,
)
from tests.integration.aws.running_cloud import Cloud, MakeVaultWorld


@pytest.mark.parametrize("by_id", [False, True], ids=["by-alias", "by-id"])
def test_vault_role_misses_each_action(
    cloud: Cloud, make_vault_world: MakeVaultWorld, new_settings: NewSettings, by_id: bool
) -> None:
    settings = new_settings()
    # Its own policy allows nothing that Vault calls.
    world = make_vault_world(("kms:GetKeyRotationStatus",))
    cloud.kms().create_alias(AliasName=settings["key"]["alias"], TargetKeyId=world.key_arn)
    document = vault_role_policy(scope_of(settings, world.key_arn.rpartition("/")[2] if by_id else None))
    kms = cloud.kms(cloud.assume(world.role_arn, cloud.token()))

    def hold(text: str) -> None:
        cloud.iam().put_role_policy(RoleName=world.role_name, PolicyName="unseal", PolicyDocument=text)

    hold(document)
    encrypted = kms.encrypt(KeyId=world.key_arn, Plaintext=b"the root key")["CiphertextBlob"]
    calls: Mapping[str, Callable[[], object]] = {
        "kms:Decrypt": lambda: kms.decrypt(CiphertextBlob=encrypted),
        "kms:DescribeKey": lambda: kms.describe_key(KeyId=world.key_arn),
        "kms:Encrypt": lambda: kms.encrypt(KeyId=world.key_arn, Plaintext=b"another"),
    }
    assert actions_of(document) == set(calls)
    for missing in calls:
        hold(without(document, missing))
        for action, call in calls.items():
            if action != missing:
                call()
        with pytest.raises(ClientError) as refused:
            calls[missing]()
        assert_named(str(refused.value), missing)
