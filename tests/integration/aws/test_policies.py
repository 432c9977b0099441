"""What policies allow works; what they do not allow fails as on AWS."""

import base64
from collections.abc import Mapping
from contextlib import nullcontext
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from sandbox.aws.account import ACCOUNT_ID, CLUSTER_NAME, iam_arn
from tests.integration.aws.running_cloud import (
    SECRET_ACCESS_KEY,
    Cloud,
    MakeVaultWorld,
    administration,
    allow,
    document,
    refusal,
    trust,
)

# Identity policies


def test_without_encrypt_only_encrypt_fails(cloud: Cloud, make_vault_world: MakeVaultWorld) -> None:
    world = make_vault_world(("kms:Decrypt", "kms:DescribeKey"))
    complete = make_vault_world()
    kms = cloud.kms(cloud.assume(world.role_arn, cloud.token()))
    session = f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/{world.role_name}/vault-0"
    with refusal(
        "AccessDeniedException",
        f"User: {session} is not authorized to perform: kms:Encrypt on resource: {world.key_arn} because no "
        "identity-based policy allows the kms:Encrypt action",
    ):
        kms.encrypt(KeyId=world.key_arn, Plaintext=b"text")
    kms.describe_key(KeyId=world.key_arn)
    cloud.iam().put_role_policy(
        RoleName=world.role_name,
        PolicyName="encrypt",
        PolicyDocument=document(allow("kms:Encrypt", resource=world.key_arn)),
    )
    ciphertext = kms.encrypt(KeyId=world.key_arn, Plaintext=b"text")["CiphertextBlob"]
    cloud.iam().delete_role_policy(RoleName=world.role_name, PolicyName="encrypt")
    assert kms.decrypt(CiphertextBlob=ciphertext)["Plaintext"] == b"text"
    with refusal("AccessDeniedException"):
        kms.encrypt(KeyId=world.key_arn, Plaintext=b"text")
    with refusal("AccessDeniedException"):
        kms.describe_key(KeyId=complete.key_arn)


def test_detaching_the_policy_takes_effect_at_once(cloud: Cloud, make_vault_world: MakeVaultWorld) -> None:
    world = make_vault_world()
    kms = cloud.kms(cloud.assume(world.role_arn, cloud.token()))
    kms.describe_key(KeyId=world.key_arn)
    attached = cloud.iam().list_attached_role_policies(RoleName=world.role_name)["AttachedPolicies"]
    cloud.iam().detach_role_policy(RoleName=world.role_name, PolicyArn=attached[0]["PolicyArn"])
    with refusal("AccessDeniedException"):
        kms.describe_key(KeyId=world.key_arn)


def test_an_explicit_deny_wins(cloud: Cloud, make_vault_world: MakeVaultWorld) -> None:
    world = make_vault_world()
    cloud.iam().put_role_policy(
        RoleName=world.role_name,
        PolicyName="never",
        PolicyDocument=document(allow("kms:Enc*", effect="Deny")),
    )
    kms = cloud.kms(cloud.assume(world.role_arn, cloud.token()))
    session = f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/{world.role_name}/vault-0"
    with refusal(
        "AccessDeniedException",
        f"User: {session} is not authorized to perform: kms:Encrypt on resource: {world.key_arn} with an "
        "explicit deny in an identity-based policy",
    ):
        kms.encrypt(KeyId=world.key_arn, Plaintext=b"text")


def test_a_permissions_boundary_limits_the_role(cloud: Cloud, make_vault_world: MakeVaultWorld) -> None:
    boundary = cloud.iam().create_policy(
        PolicyName=f"boundary-{uuid4().hex[:8]}",
        PolicyDocument=document(allow("kms:Decrypt", "kms:DescribeKey")),
    )["Policy"]["Arn"]
    world = make_vault_world(boundary=boundary)
    kms = cloud.kms(cloud.assume(world.role_arn, cloud.token()))
    kms.describe_key(KeyId=world.key_arn)
    with pytest.raises(ClientError, match="because no permissions boundary allows the kms:Encrypt action"):
        kms.encrypt(KeyId=world.key_arn, Plaintext=b"text")


def test_a_boundary_must_exist(cloud: Cloud) -> None:
    missing = iam_arn("policy/missing")
    with refusal("NoSuchEntity", f"Scope ARN: {missing} does not exist or is not attachable."):
        cloud.iam().create_role(
            RoleName="bounded", AssumeRolePolicyDocument=trust(), PermissionsBoundary=missing
        )


def test_a_pod_may_do_nothing_else(cloud: Cloud, make_vault_world: MakeVaultWorld) -> None:
    world = make_vault_world()
    pod = cloud.assume(world.role_arn, cloud.token())
    session = f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/{world.role_name}/vault-0"
    with refusal(
        "AccessDenied",
        f"User: {session} is not authorized to perform: iam:GetRole on resource: {world.role_arn} because no "
        "identity-based policy allows the iam:GetRole action",
    ):
        cloud.iam(pod).get_role(RoleName=world.role_name)
    with refusal("UnauthorizedOperation"):
        cloud.ec2(pod).describe_security_groups()
    with refusal("AccessDeniedException"):
        cloud.eks(pod).describe_cluster(name=CLUSTER_NAME)
    with refusal("AccessDeniedException"):
        cloud.kms(pod).create_key()


def test_what_cannot_be_evaluated_is_refused_with_its_reason(
    cloud: Cloud, make_vault_world: MakeVaultWorld
) -> None:
    world = make_vault_world(("kms:Encrypt",))
    cloud.iam().put_role_policy(
        RoleName=world.role_name,
        PolicyName="conditional",
        PolicyDocument=document(
            allow("kms:DescribeKey", Condition={"DateGreaterThan": {"aws:PrincipalArn": "2020-01-01"}})
        ),
    )
    kms = cloud.kms(cloud.assume(world.role_arn, cloud.token()))
    with pytest.raises(ClientError, match="the condition operator DateGreaterThan is not implemented"):
        kms.describe_key(KeyId=world.key_arn)
    assert "DateGreaterThan is not implemented" in cloud.log.read_text()


def test_a_policy_in_use_cannot_be_deleted(cloud: Cloud, make_vault_world: MakeVaultWorld) -> None:
    world = make_vault_world()
    attached = cloud.iam().list_attached_role_policies(RoleName=world.role_name)["AttachedPolicies"]
    with refusal("DeleteConflict"):
        cloud.iam().delete_policy(PolicyArn=attached[0]["PolicyArn"])
    with refusal("DeleteConflict"):
        cloud.iam().delete_role(RoleName=world.role_name)


# Key policies


def test_the_operator_may_not_use_a_key_that_only_the_role_may_use(
    cloud: Cloud, make_vault_world: MakeVaultWorld
) -> None:
    world = make_vault_world()
    with refusal(
        "AccessDeniedException",
        f"User: {iam_arn('user/operator')} is not authorized to perform: kms:Encrypt on resource: "
        f"{world.key_arn} because no resource-based policy allows the kms:Encrypt action",
    ):
        cloud.kms().encrypt(KeyId=world.key_arn, Plaintext=b"text")


def test_a_key_policy_that_names_the_role_suffices(cloud: Cloud, make_vault_world: MakeVaultWorld) -> None:
    world = make_vault_world(("kms:ListKeys",))
    direct = allow("kms:Encrypt", Principal={"AWS": world.role_arn})
    key = cloud.kms().create_key(Policy=document(administration(), direct))["KeyMetadata"]["Arn"]
    kms = cloud.kms(cloud.assume(world.role_arn, cloud.token()))
    kms.encrypt(KeyId=key, Plaintext=b"text")
    with refusal("AccessDeniedException"):
        kms.describe_key(KeyId=key)


def test_a_key_policy_does_not_apply_to_a_namesake(cloud: Cloud) -> None:
    name = f"vault-{uuid4().hex[:8]}"
    iam, kms = cloud.iam(), cloud.kms()
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust())["Role"]["Arn"]
    direct = allow("kms:Encrypt", Principal={"AWS": role})
    key = kms.create_key(Policy=document(administration(), direct))["KeyMetadata"]["Arn"]
    pod = cloud.assume(role, cloud.token())
    cloud.kms(pod).encrypt(KeyId=key, Plaintext=b"text")
    iam.delete_role(RoleName=name)
    with refusal("UnrecognizedClientException"):
        cloud.kms(pod).encrypt(KeyId=key, Plaintext=b"text")
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust())
    with refusal("AccessDeniedException"):
        cloud.kms(cloud.assume(role, cloud.token())).encrypt(KeyId=key, Plaintext=b"text")


def test_a_deny_in_the_key_policy_applies_to_whom_it_names(
    cloud: Cloud, make_vault_world: MakeVaultWorld
) -> None:
    world = make_vault_world()
    deny = allow("kms:DescribeKey", effect="Deny", Principal={"AWS": world.role_arn})
    everything = allow("kms:*", Principal={"AWS": iam_arn("root")})
    cloud.kms().put_key_policy(KeyId=world.key_arn, Policy=document(everything, deny))
    cloud.kms().describe_key(KeyId=world.key_arn)
    with pytest.raises(ClientError, match="with an explicit deny in a resource-based policy"):
        cloud.kms(cloud.assume(world.role_arn, cloud.token())).describe_key(KeyId=world.key_arn)


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ("{", None),
        (document({"Effect": "Allow", "Action": "kms:*", "Resource": "*"}), None),
        (
            document(allow("kms:*", Principal={"AWS": [iam_arn("root"), iam_arn("role/missing")]})),
            "Policy contains a statement with one or more invalid principals.",
        ),
        (
            document(allow("kms:*", Principal={"AWS": "arn:aws:iam::210987654321:root"})),
            "Policy contains a statement with one or more invalid principals.",
        ),
        (
            document(allow("kms:Encrypt", Principal={"AWS": iam_arn("root")})),
            "The new key policy will not allow you to update the key policy in the future.",
        ),
        (
            document(
                allow(
                    "kms:*",
                    Principal={"AWS": iam_arn("root")},
                    Condition={"StringEquals": {"aws:PrincipalArn": iam_arn("role/other")}},
                )
            ),
            "The new key policy will not allow you to update the key policy in the future.",
        ),
    ],
    ids=["syntax", "no-principal", "missing-role", "other-account", "lockout", "conditional-lockout"],
)
def test_a_key_policy_is_checked(cloud: Cloud, policy: str, message: str | None) -> None:
    kms = cloud.kms()
    before = len(kms.list_keys()["Keys"])
    with refusal("MalformedPolicyDocumentException", message):
        kms.create_key(Policy=policy)
    assert len(kms.list_keys()["Keys"]) == before
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    with refusal("MalformedPolicyDocumentException", message):
        kms.put_key_policy(KeyId=key, Policy=policy)


POLICY_OF_THE_ACCOUNT = document(allow("kms:*", Principal={"AWS": iam_arn("root")}))


def test_creator_of_a_key_has_to_be_able_to_change_its_policy_again(cloud: Cloud) -> None:
    """By the key policy, which leaves it to IAM here, and so by the caller's own policies."""
    create = allow("kms:CreateKey")
    locked_out = "The new key policy will not allow you to update the key policy in the future."
    with refusal("MalformedPolicyDocumentException", locked_out):
        cloud.kms(cloud.user(create).credentials).create_key(Policy=POLICY_OF_THE_ACCOUNT)
    kms = cloud.kms(cloud.user(create, allow("kms:PutKeyPolicy")).credentials)
    key = kms.create_key(Policy=POLICY_OF_THE_ACCOUNT)["KeyMetadata"]["KeyId"]
    named = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": f"alias/{uuid4().hex}"}}
    of_named = cloud.kms(cloud.user(create, allow("kms:PutKeyPolicy", Condition=named)).credentials)
    with refusal("MalformedPolicyDocumentException", locked_out):
        of_named.create_key(Policy=POLICY_OF_THE_ACCOUNT)
    kms.put_key_policy(KeyId=key, Policy=POLICY_OF_THE_ACCOUNT)


@pytest.mark.parametrize(
    ("condition", "absent", "off"),
    [
        ({"Bool": {"kms:BypassPolicyLockoutSafetyCheck": "false"}}, False, True),
        ({"BoolIfExists": {"kms:BypassPolicyLockoutSafetyCheck": "false"}}, True, True),
        ({"Null": {"kms:BypassPolicyLockoutSafetyCheck": "true"}}, True, False),
    ],
    ids=["Bool", "BoolIfExists", "Null"],
)
def test_request_without_a_word_on_the_safety_check_has_no_such_key(
    cloud: Cloud, condition: Mapping[str, object], absent: bool, off: bool
) -> None:
    kms = cloud.kms(cloud.user(allow("kms:CreateKey", Condition=condition)).credentials)
    with nullcontext() if absent else refusal("AccessDeniedException"):
        kms.create_key()
    with nullcontext() if off else refusal("AccessDeniedException"):
        kms.create_key(BypassPolicyLockoutSafetyCheck=False)
    with refusal("AccessDeniedException"):
        kms.create_key(BypassPolicyLockoutSafetyCheck=True)


# The log


def test_the_log_tells_who_was_refused_and_no_secret(cloud: Cloud, make_vault_world: MakeVaultWorld) -> None:
    world = make_vault_world(("kms:DescribeKey",))
    token = cloud.token()
    pod = cloud.assume(world.role_arn, token)
    with refusal("AccessDeniedException"):
        cloud.kms(pod).encrypt(KeyId=world.key_arn, Plaintext=b"a very secret text")
    with refusal("AccessDenied"):
        cloud.assume(world.role_arn, cloud.token(sub="system:serviceaccount:other:vault"))
    log = cloud.log.read_text()
    assert f"role {world.role_arn} does not trust system:serviceaccount:other:vault" in log
    assert f"assumed-role/{world.role_name}/vault-0 is not authorized to perform: kms:Encrypt" in log
    assert pod.session_token is not None
    secrets = (token, pod.secret_access_key, pod.session_token, SECRET_ACCESS_KEY)
    plaintexts = ("a very secret text", base64.b64encode(b"a very secret text").decode())
    assert not [text for text in secrets + plaintexts if text in log]
