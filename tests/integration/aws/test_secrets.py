"""Secrets Manager: who may do what with a secret, its key, its policy and its deletion."""

from collections.abc import Mapping
from uuid import uuid4

import pytest

from sandbox.aws.account import ACCOUNT_ID, iam_arn, regional_arn
from sandbox.network import REGION
from tests.integration.aws.running_cloud import Cloud, administration, allow, document, refusal

VALUE = "only-for-this-test"
NO_KEY = "Access to KMS is not allowed"


def new_name() -> str:
    return f"test/{uuid4().hex[:8]}"


def make(cloud: Cloud, **more: str) -> tuple[str, str]:
    """Name and ARN of a new secret with a value."""
    name = new_name()
    made = cloud.secrets().create_secret(Name=name, SecretString=VALUE, **more)  # type: ignore[arg-type] # the stub has one type for all keyword arguments
    return name, made["ARN"]


def make_key(cloud: Cloud, *statements: Mapping[str, object]) -> str:
    return cloud.kms().create_key(Policy=document(administration(), *statements))["KeyMetadata"]["Arn"]


def use_by_way_of(service: str) -> dict[str, object]:
    return allow(
        "kms:Decrypt",
        "kms:GenerateDataKey",
        Principal={"AWS": iam_arn("root")},
        Condition={"StringEquals": {"kms:ViaService": service}},
    )


# Identity policies


def test_rights_are_on_the_arn_and_refusals_name_what_was_asked_for(cloud: Cloud) -> None:
    name, arn = make(cloud)
    user = cloud.user(allow("secretsmanager:GetSecretValue", resource=f"{arn[:-6]}??????"))
    client = cloud.secrets(user.credentials)
    assert client.get_secret_value(SecretId=name)["SecretString"] == VALUE
    assert client.get_secret_value(SecretId=arn)["SecretString"] == VALUE
    for identifier in (name, arn):
        with refusal(
            "AccessDeniedException",
            f"User: {user.arn} is not authorized to perform: secretsmanager:DescribeSecret on resource: "
            f"{identifier} because no identity-based policy allows the secretsmanager:DescribeSecret action",
        ):
            client.describe_secret(SecretId=identifier)


def test_a_secret_is_created_under_a_name_that_the_policy_foresees(cloud: Cloud) -> None:
    name = new_name()
    foreseen = regional_arn("secretsmanager", REGION, f"secret:{name}-??????")
    user = cloud.user(allow("secretsmanager:CreateSecret", resource=foreseen))
    client = cloud.secrets(user.credentials)
    with refusal("AccessDeniedException"):
        client.create_secret(Name=new_name())
    with refusal(
        "AccessDeniedException",
        f"User: {user.arn} is not authorized to perform: secretsmanager:TagResource on resource: {name} "
        "because no identity-based policy allows the secretsmanager:TagResource action",
    ):
        client.create_secret(Name=name, Tags=[{"Key": "app", "Value": "vault"}])
    assert client.create_secret(Name=name)["Name"] == name
    exact = cloud.user(allow("secretsmanager:CreateSecret", resource=foreseen.removesuffix("-??????")))
    with refusal("AccessDeniedException"):
        cloud.secrets(exact.credentials).create_secret(Name=name)


def test_rights_come_before_the_question_whether_a_secret_exists(cloud: Cloud) -> None:
    nobody = cloud.user(allow("kms:ListKeys"))
    with refusal("AccessDeniedException"):
        cloud.secrets(nobody.credentials).get_secret_value(SecretId="there/is/none")
    with refusal("ResourceNotFoundException"):
        cloud.secrets().get_secret_value(SecretId="there/is/none")


# Resource policies


def test_an_explicit_deny_of_the_resource_policy_wins(cloud: Cloud) -> None:
    name, _ = make(cloud)
    reader = cloud.user(allow("secretsmanager:*"))
    other = cloud.user(allow("secretsmanager:*"))
    only_reader = allow(
        "secretsmanager:GetSecretValue",
        effect="Deny",
        Principal="*",
        Condition={"ArnNotEquals": {"aws:PrincipalArn": [reader.arn]}},
    )
    cloud.secrets().put_resource_policy(SecretId=name, ResourcePolicy=document(only_reader))
    assert cloud.secrets(reader.credentials).get_secret_value(SecretId=name)["SecretString"] == VALUE
    with refusal(
        "AccessDeniedException",
        f"User: {other.arn} is not authorized to perform: secretsmanager:GetSecretValue on resource: {name} "
        "with an explicit deny in a resource-based policy",
    ):
        cloud.secrets(other.credentials).get_secret_value(SecretId=name)
    cloud.secrets(other.credentials).describe_secret(SecretId=name)
    cloud.secrets(other.credentials).delete_resource_policy(SecretId=name)
    assert cloud.secrets(other.credentials).get_secret_value(SecretId=name)["SecretString"] == VALUE


def test_a_resource_policy_that_names_the_user_suffices_and_one_that_names_the_account_does_not(
    cloud: Cloud,
) -> None:
    name, _ = make(cloud)
    user = cloud.user(allow("kms:ListKeys"))
    client = cloud.secrets(user.credentials)
    for principal, enough in ((iam_arn("root"), False), (user.arn, True)):
        granted = allow("secretsmanager:GetSecretValue", Principal={"AWS": principal})
        cloud.secrets().put_resource_policy(SecretId=name, ResourcePolicy=document(granted))
        if enough:
            assert client.get_secret_value(SecretId=name)["SecretString"] == VALUE
        else:
            with refusal("AccessDeniedException"):
                client.get_secret_value(SecretId=name)


@pytest.mark.parametrize(
    ("policy", "code"),
    [
        ("[]", "MalformedPolicyDocumentException"),
        (document(allow("secretsmanager:*")), "MalformedPolicyDocumentException"),
        (
            document(allow("secretsmanager:*", Principal={"AWS": iam_arn("user/nobody")})),
            "MalformedPolicyDocumentException",
        ),
        (document(allow("secretsmanager:*", Principal="*")), "PublicPolicyException"),
    ],
)
def test_what_is_no_policy_for_a_secret_is_refused(cloud: Cloud, policy: str, code: str) -> None:
    name, _ = make(cloud)
    with refusal(code):
        cloud.secrets().put_resource_policy(SecretId=name, ResourcePolicy=policy, BlockPublicPolicy=True)
    assert "ResourcePolicy" not in cloud.secrets().get_resource_policy(SecretId=name)


# Keys


def test_a_key_is_used_in_the_callers_name_by_way_of_secrets_manager(cloud: Cloud) -> None:
    arn = make_key(cloud, use_by_way_of(f"secretsmanager.{REGION}.amazonaws.com"))
    name, _ = make(cloud, KmsKeyId=arn)
    assert cloud.secrets().get_secret_value(SecretId=name)["SecretString"] == VALUE
    with refusal("AccessDeniedException"):
        cloud.kms().generate_data_key(KeyId=arn, KeySpec="AES_256")
    manager = allow("secretsmanager:*")
    reader = cloud.user(manager, allow("kms:Decrypt", resource=arn))
    writer = cloud.user(manager, allow("kms:GenerateDataKey", resource=arn))
    assert cloud.secrets(reader.credentials).get_secret_value(SecretId=name)["SecretString"] == VALUE
    with refusal("AccessDeniedException", NO_KEY):
        cloud.secrets(reader.credentials).put_secret_value(SecretId=name, SecretString="new")
    cloud.secrets(writer.credentials).put_secret_value(SecretId=name, SecretString="new")
    with refusal("AccessDeniedException", NO_KEY):
        cloud.secrets(writer.credentials).get_secret_value(SecretId=name)
    for user in (reader, writer):
        with refusal("AccessDeniedException", NO_KEY):
            cloud.secrets(user.credentials).create_secret(Name=new_name(), KmsKeyId=arn)


def test_a_key_for_another_service_is_of_no_use(cloud: Cloud) -> None:
    arn = make_key(cloud, use_by_way_of(f"s3.{REGION}.amazonaws.com"))
    with refusal("AccessDeniedException", NO_KEY):
        make(cloud, KmsKeyId=arn)


def test_a_key_that_does_not_exist_is_of_no_use(cloud: Cloud) -> None:
    with refusal("AccessDeniedException", NO_KEY):
        make(cloud, KmsKeyId=regional_arn("kms", REGION, f"key/{uuid4()}"))


def test_a_disabled_key_keeps_the_value_shut(cloud: Cloud) -> None:
    arn = make_key(cloud, use_by_way_of(f"secretsmanager.{REGION}.amazonaws.com"))
    name, _ = make(cloud, KmsKeyId=arn)
    cloud.kms().disable_key(KeyId=arn.rpartition("/")[2])
    with refusal("DecryptionFailure"):
        cloud.secrets().get_secret_value(SecretId=name)
    with refusal("EncryptionFailure"):
        cloud.secrets().put_secret_value(SecretId=name, SecretString="new")


# Versions and deletion


def test_the_first_version_is_the_current_one_whatever_its_label(cloud: Cloud) -> None:
    name = new_name()
    cloud.secrets().create_secret(Name=name)
    first = cloud.secrets().put_secret_value(SecretId=name, SecretString="1", VersionStages=["trial"])
    assert sorted(first["VersionStages"]) == ["AWSCURRENT", "trial"]
    second = cloud.secrets().put_secret_value(SecretId=name, SecretString="2", VersionStages=["trial"])
    assert second["VersionStages"] == ["trial"]
    assert cloud.secrets().get_secret_value(SecretId=name)["SecretString"] == "1"


def test_a_secret_that_waits_for_its_deletion_is_of_no_use_until_it_is_restored(cloud: Cloud) -> None:
    name, arn = make(cloud)
    secrets = cloud.secrets()
    secrets.delete_secret(SecretId=arn, RecoveryWindowInDays=7)
    marked = "You can't perform this operation on the secret because it was marked for deletion."
    for attempt in (
        lambda: secrets.get_secret_value(SecretId=arn),
        lambda: secrets.put_secret_value(SecretId=arn, SecretString="new"),
        lambda: secrets.get_resource_policy(SecretId=arn),
        lambda: secrets.delete_secret(SecretId=arn),
    ):
        with refusal("InvalidRequestException", marked):
            attempt()
    with refusal(
        "InvalidRequestException",
        "You can't create this secret because a secret with this name is already scheduled for deletion.",
    ):
        secrets.create_secret(Name=name)
    assert "DeletedDate" in secrets.describe_secret(SecretId=arn)
    secrets.restore_secret(SecretId=arn)
    assert secrets.get_secret_value(SecretId=arn)["SecretString"] == VALUE


def test_what_is_not_implemented_is_refused(cloud: Cloud) -> None:
    name, _ = make(cloud)
    with refusal("UnsupportedOperationException"):
        cloud.secrets().rotate_secret(SecretId=name)
    with refusal("UnsupportedOperationException"):
        cloud.secrets().create_secret(Name=new_name(), AddReplicaRegions=[{"Region": "us-east-1"}])
    unclear = allow(
        "secretsmanager:GetSecretValue",
        Principal="*",
        Condition={"StringEquals": {"aws:PrincipalAccount": ACCOUNT_ID}},
    )
    with refusal("UnsupportedOperationException"):
        cloud.secrets().put_resource_policy(
            SecretId=name, ResourcePolicy=document(unclear), BlockPublicPolicy=True
        )
