"""KMS: keys, their states, their aliases and what they encrypt."""

from uuid import uuid4

from sandbox.aws.account import iam_arn
from sandbox.network import REGION
from tests.integration.aws.running_cloud import (
    NO_RETRIES,
    Cloud,
    refusal,
)


def test_a_key_answers_to_id_arn_alias_and_alias_arn(cloud: Cloud) -> None:
    kms = cloud.kms()
    key = kms.create_key()["KeyMetadata"]
    alias = f"alias/test-{uuid4().hex}"
    kms.create_alias(AliasName=alias, TargetKeyId=key["KeyId"])
    alias_arn = key["Arn"].replace(f"key/{key['KeyId']}", alias)
    for identifier in (key["KeyId"], key["Arn"], alias, alias_arn):
        encrypted = kms.encrypt(KeyId=identifier, Plaintext=b"text")
        assert encrypted["KeyId"] == key["Arn"]
        assert (
            kms.decrypt(CiphertextBlob=encrypted["CiphertextBlob"], KeyId=identifier)["Plaintext"] == b"text"
        )
        assert kms.describe_key(KeyId=identifier)["KeyMetadata"]["KeyId"] == key["KeyId"]


def test_a_disabled_key_cannot_be_used(cloud: Cloud) -> None:
    kms = cloud.kms()
    key = kms.create_key()["KeyMetadata"]
    ciphertext = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"text")["CiphertextBlob"]
    kms.disable_key(KeyId=key["KeyId"])
    with refusal("DisabledException", f"{key['Arn']} is disabled."):
        kms.decrypt(CiphertextBlob=ciphertext)
    kms.enable_key(KeyId=key["KeyId"])
    assert kms.decrypt(CiphertextBlob=ciphertext)["Plaintext"] == b"text"


def test_a_key_that_waits_for_its_deletion_cannot_be_used(cloud: Cloud) -> None:
    kms = cloud.kms()
    key = kms.create_key()["KeyMetadata"]
    ciphertext = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"text")["CiphertextBlob"]
    for window in (6, 31):
        with refusal("ValidationException", "PendingWindowInDays must be between 7 and 30"):
            kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=window)
    kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)
    pending = f"{key['Arn']} is pending deletion."
    with refusal("KMSInvalidStateException", pending):
        kms.decrypt(CiphertextBlob=ciphertext)
    with refusal("KMSInvalidStateException", pending):
        kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)
    with refusal("KMSInvalidStateException", pending):
        kms.create_alias(AliasName="alias/pending", TargetKeyId=key["KeyId"])
    assert kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] == "PendingDeletion"
    kms.cancel_key_deletion(KeyId=key["KeyId"])
    assert kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] == "Disabled"


def test_ciphertexts_belong_to_their_key(cloud: Cloud) -> None:
    kms = cloud.kms()
    key, other = (kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(2))
    ciphertext = kms.encrypt(KeyId=key, Plaintext=b"text")["CiphertextBlob"]
    with refusal("IncorrectKeyException"):
        kms.decrypt(CiphertextBlob=ciphertext, KeyId=other)
    with refusal("InvalidCiphertextException"):
        kms.decrypt(CiphertextBlob=other.encode() + ciphertext[36:])
    with refusal("InvalidCiphertextException"):
        kms.decrypt(CiphertextBlob=b"nonsense")
    with refusal("AccessDeniedException"):
        kms.decrypt(CiphertextBlob=str(uuid4()).encode() + ciphertext[36:])


def test_aliases_follow_their_rules(cloud: Cloud) -> None:
    kms = cloud.kms()
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    alias = f"alias/test-{uuid4().hex}"
    with refusal("NotAuthorizedException"):
        kms.create_alias(AliasName="alias/aws/test", TargetKeyId=key)
    with refusal("NotFoundException"):
        kms.describe_key(KeyId=alias)
    kms.create_alias(AliasName=alias, TargetKeyId=key)
    with refusal("AlreadyExistsException"):
        kms.create_alias(AliasName=alias, TargetKeyId=key)
    kms.delete_alias(AliasName=alias)
    with refusal("NotFoundException"):
        kms.delete_alias(AliasName=alias)


def test_rotation_is_switched_on_and_tags_are_kept(cloud: Cloud) -> None:
    kms = cloud.kms()
    key = kms.create_key(Tags=[{"TagKey": "app", "TagValue": "vault"}])["KeyMetadata"]["KeyId"]
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is False
    kms.enable_key_rotation(KeyId=key)
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is True
    assert kms.list_resource_tags(KeyId=key)["Tags"] == [{"TagKey": "app", "TagValue": "vault"}]


def test_a_key_of_another_region_is_not_found(cloud: Cloud) -> None:
    key = cloud.kms().create_key()["KeyMetadata"]["Arn"]
    with refusal("NotFoundException"):
        cloud.kms().describe_key(KeyId=key.replace(REGION, "us-east-1"))


def test_what_is_not_implemented_is_refused(cloud: Cloud) -> None:
    kms = cloud.kms()
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    with refusal("UnsupportedOperationException"):
        kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")
    with refusal("UnsupportedOperationException"):
        kms.create_grant(KeyId=key, GranteePrincipal=iam_arn("user/operator"), Operations=["Encrypt"])
    with refusal("UnsupportedOperation"):
        cloud.sts().get_session_token()
    with refusal("UnsupportedOperationException"):
        cloud.session().client("sqs", endpoint_url=cloud.url, config=NO_RETRIES).list_queues()
