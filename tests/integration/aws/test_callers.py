"""Who is let in: access keys, signatures, session tokens."""

from http.client import HTTPConnection
from uuid import uuid4

import boto3
from botocore import UNSIGNED
from botocore.config import Config

from sandbox.network import REGION
from tests.integration.aws.running_cloud import (
    ACCESS_KEY_ID,
    SECRET_ACCESS_KEY,
    Cloud,
    Credentials,
    MakeVaultWorld,
    allow,
    document,
    refusal,
)


def test_a_wrong_secret_is_refused(cloud: Cloud) -> None:
    wrong = Credentials(ACCESS_KEY_ID, SECRET_ACCESS_KEY[::-1])
    with refusal("InvalidSignatureException"):
        cloud.kms(wrong).list_keys()
    with refusal("SignatureDoesNotMatch"):
        cloud.iam(wrong).list_roles()
    with refusal("InvalidSignatureException"):
        cloud.eks(wrong).list_clusters()
    with refusal("AuthFailure"):
        cloud.ec2(wrong).describe_vpcs()


def test_an_unknown_access_key_is_refused(cloud: Cloud) -> None:
    unknown = Credentials("AKIANOBODYNOBODY0001", SECRET_ACCESS_KEY)
    with refusal("UnrecognizedClientException", "The security token included in the request is invalid."):
        cloud.kms(unknown).list_keys()
    with refusal("InvalidClientTokenId", "The security token included in the request is invalid."):
        cloud.sts(unknown).get_caller_identity()
    with refusal("AuthFailure"):
        cloud.ec2(unknown).describe_vpcs()


def test_temporary_credentials_need_their_token(cloud: Cloud, make_vault_world: MakeVaultWorld) -> None:
    pod = cloud.assume(make_vault_world().role_arn, cloud.token())
    with refusal("InvalidClientTokenId"):
        cloud.sts(Credentials(pod.access_key_id, pod.secret_access_key)).get_caller_identity()
    with refusal("InvalidClientTokenId"):
        cloud.sts(Credentials(pod.access_key_id, pod.secret_access_key, "another")).get_caller_identity()


def test_unsigned_requests_are_refused(cloud: Cloud) -> None:
    unsigned = Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1})
    kms = boto3.client("kms", region_name=REGION, endpoint_url=cloud.url, config=unsigned)
    with refusal("MissingAuthenticationTokenException", "Missing Authentication Token"):
        kms.list_keys()


def test_a_user_that_is_made_has_no_rights_until_given(cloud: Cloud) -> None:
    iam = cloud.iam()
    name = f"user-{uuid4().hex[:8]}"
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    user = Credentials(key["AccessKeyId"], key["SecretAccessKey"])
    with refusal("AccessDeniedException"):
        cloud.kms(user).list_keys()
    iam.put_user_policy(UserName=name, PolicyName="list", PolicyDocument=document(allow("kms:ListKeys")))
    cloud.kms(user).list_keys()
    iam.update_access_key(UserName=name, AccessKeyId=user.access_key_id, Status="Inactive")
    with refusal("UnrecognizedClientException"):
        cloud.kms(user).list_keys()


def test_nobody_reaches_motos_own_controls(cloud: Cloud) -> None:
    for path in ("/moto-api/reset", "/moto-api/reset-auth", "/"):
        connection = HTTPConnection("127.0.0.1", cloud.settings.loopback_port, timeout=10)
        connection.request("POST", path, body="0")
        assert 400 <= connection.getresponse().status < 500
        connection.close()
    assert cloud.iam().list_roles()["Roles"]
