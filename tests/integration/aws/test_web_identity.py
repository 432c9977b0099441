"""IRSA: which tokens are good, whom a role trusts, and what a pod then can do."""

import time

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from joserfc.jwk import RSAKey

from sandbox.aws.account import ACCOUNT_ID, iam_arn
from sandbox.network import REGION
from tests.integration.aws.running_cloud import (
    PROVIDER_ARN,
    SUBJECT,
    Cloud,
    MakeVaultWorld,
    refusal,
    trust,
)


def test_a_pod_encrypts_and_decrypts_with_its_role(cloud: Cloud, make_vault_world: MakeVaultWorld) -> None:
    world = make_vault_world()
    kms = cloud.kms(cloud.assume(world.role_arn, cloud.token()))
    assert kms.describe_key(KeyId=world.key_arn)["KeyMetadata"]["Arn"] == world.key_arn
    encrypted = kms.encrypt(KeyId=world.key_arn, Plaintext=b"the root key")
    assert encrypted["KeyId"] == world.key_arn
    assert b"the root key" not in encrypted["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=encrypted["CiphertextBlob"])["Plaintext"] == b"the root key"


def test_every_caller_learns_who_it_is(cloud: Cloud, make_vault_world: MakeVaultWorld) -> None:
    world = make_vault_world()
    operator = cloud.sts().get_caller_identity()
    assert (operator["Account"], operator["Arn"]) == (ACCOUNT_ID, iam_arn("user/operator"))
    pod = cloud.sts(cloud.assume(world.role_arn, cloud.token())).get_caller_identity()
    assert pod["Arn"] == f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/{world.role_name}/vault-0"
    assert pod["UserId"].endswith(":vault-0")


def test_the_web_identity_answer_has_the_shape_of_aws(cloud: Cloud, make_vault_world: MakeVaultWorld) -> None:
    world = make_vault_world()
    sts = boto3.client(
        "sts", region_name=REGION, endpoint_url=cloud.url, config=Config(signature_version=UNSIGNED)
    )
    answer = sts.assume_role_with_web_identity(
        RoleArn=world.role_arn, RoleSessionName="vault-0", WebIdentityToken=cloud.token(), DurationSeconds=900
    )
    assert answer["SubjectFromWebIdentityToken"] == SUBJECT
    assert answer["Audience"] == "sts.amazonaws.com"
    assert answer["Provider"] == PROVIDER_ARN
    assert answer["AssumedRoleUser"]["Arn"].endswith(f"assumed-role/{world.role_name}/vault-0")
    assert 800 < answer["Credentials"]["Expiration"].timestamp() - time.time() <= 900


# Whom a role trusts

NOT_AUTHORIZED = "Not authorized to perform sts:AssumeRoleWithWebIdentity"


def test_a_wrong_subject_is_not_authorized(cloud: Cloud, make_vault_world: MakeVaultWorld) -> None:
    world = make_vault_world()
    with refusal("AccessDenied", NOT_AUTHORIZED):
        cloud.assume(world.role_arn, cloud.token(sub="system:serviceaccount:vault:default"))


def test_a_pattern_needs_string_like(cloud: Cloud, make_vault_world: MakeVaultWorld) -> None:
    pattern = "system:serviceaccount:vault:*"
    with refusal("AccessDenied", NOT_AUTHORIZED):
        cloud.assume(make_vault_world(trust_policy=trust("StringEquals", pattern)).role_arn, cloud.token())
    like = make_vault_world(trust_policy=trust("StringLike", pattern))
    cloud.assume(like.role_arn, cloud.token())
    with refusal("AccessDenied", NOT_AUTHORIZED):
        cloud.assume(like.role_arn, cloud.token(sub="system:serviceaccount:other:vault"))


def test_a_role_that_does_not_exist_is_not_authorized(cloud: Cloud, make_vault_world: MakeVaultWorld) -> None:
    world = make_vault_world(path="/vault/")
    with refusal("AccessDenied", NOT_AUTHORIZED):
        cloud.assume(iam_arn("role/nobody"), cloud.token())
    with refusal("AccessDenied", NOT_AUTHORIZED):
        cloud.assume(iam_arn(f"role/{world.role_name}"), cloud.token())


def test_a_role_that_trusts_another_provider_is_not_authorized(
    cloud: Cloud, make_vault_world: MakeVaultWorld
) -> None:
    world = make_vault_world(trust_policy=trust().replace(PROVIDER_ARN, PROVIDER_ARN[:-1] + "0"))
    with refusal("AccessDenied", NOT_AUTHORIZED):
        cloud.assume(world.role_arn, cloud.token())


def test_a_trust_policy_that_cannot_be_evaluated_trusts_nobody(
    cloud: Cloud, make_vault_world: MakeVaultWorld
) -> None:
    world = make_vault_world(trust_policy=trust("ForAnyValue:StringEquals"))
    with pytest.raises(ClientError, match="ForAnyValue:StringEquals is not implemented"):
        cloud.assume(world.role_arn, cloud.token())


# Which tokens are good


def test_a_wrong_audience_is_refused(cloud: Cloud, make_vault_world: MakeVaultWorld) -> None:
    world = make_vault_world()
    with refusal("InvalidIdentityToken", "Incorrect token audience"):
        cloud.assume(world.role_arn, cloud.token(aud=["https://kubernetes.default.svc"]))


def test_an_expired_token_is_refused(cloud: Cloud, make_vault_world: MakeVaultWorld) -> None:
    world = make_vault_world()
    with refusal("ExpiredTokenException"):
        cloud.assume(world.role_arn, cloud.token(exp=int(time.time()) - 1))


def test_a_tampered_token_is_refused(cloud: Cloud, make_vault_world: MakeVaultWorld) -> None:
    world = make_vault_world()
    header, _, signature = cloud.token(sub="system:serviceaccount:vault:default").split(".")
    _, payload, _ = cloud.token().split(".")
    with refusal("InvalidIdentityToken"):
        cloud.assume(world.role_arn, f"{header}.{payload}.{signature}")


def test_a_token_of_another_key_is_refused(cloud: Cloud, make_vault_world: MakeVaultWorld) -> None:
    world = make_vault_world()
    with refusal("InvalidIdentityToken"):
        cloud.assume(world.role_arn, cloud.token(RSAKey.generate_key(2048)))


def test_an_unregistered_issuer_is_refused(cloud: Cloud, make_vault_world: MakeVaultWorld) -> None:
    world = make_vault_world()
    issuer = "https://oidc.example.com"
    with refusal("InvalidIdentityToken", f"No OpenIDConnect provider found in your account for {issuer}"):
        cloud.assume(world.role_arn, cloud.token(iss=issuer))


def test_no_token_at_all_is_refused(cloud: Cloud, make_vault_world: MakeVaultWorld) -> None:
    world = make_vault_world()
    with refusal("InvalidIdentityToken"):
        cloud.assume(world.role_arn, "no-token-at-all")


def test_a_session_is_at_most_as_long_as_the_role_allows(
    cloud: Cloud, make_vault_world: MakeVaultWorld
) -> None:
    world = make_vault_world()
    with refusal("ValidationError"):
        cloud.assume(world.role_arn, cloud.token(), DurationSeconds=3601)
