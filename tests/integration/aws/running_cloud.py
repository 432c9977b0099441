"""The process that plays AWS as the tests see it, and the words they describe policies with."""

import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from joserfc import jwt
from joserfc.jwk import RSAKey

from sandbox.aws.account import CONTROL_PREFIX, OIDC_ISSUER, iam_arn
from sandbox.aws.endpoint import AwsEndpoint
from sandbox.aws.seed import SeededCloud
from sandbox.aws.server_settings import ServerSettings
from sandbox.certificates import CertificateAuthority
from sandbox.network import REGION

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_eks import EKSClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sts import STSClient


ISSUER_NAME = OIDC_ISSUER.removeprefix("https://")
PROVIDER_ARN = iam_arn(f"oidc-provider/{ISSUER_NAME}")
SUBJECT = "system:serviceaccount:vault:vault"
ACCESS_KEY_ID = "AKIATESTOPERATOR0001"
SECRET_ACCESS_KEY = "secretofthetestoperatorsecretofthetestop"
API_SERVER_URL = "https://10.0.0.1:6443"
CLUSTER_CA = b"-----BEGIN CERTIFICATE-----\nof the cluster\n-----END CERTIFICATE-----\n"
NO_RETRIES = Config(retries={"total_max_attempts": 1})


@dataclass(frozen=True)
class Credentials:
    access_key_id: str
    secret_access_key: str
    session_token: str | None = None


@dataclass(frozen=True)
class User:
    name: str
    arn: str
    credentials: Credentials


OPERATOR = Credentials(ACCESS_KEY_ID, SECRET_ACCESS_KEY)


@dataclass(frozen=True, eq=False)
class Cloud:
    """The running process, and what the tests need to call it."""

    settings: ServerSettings
    authority: CertificateAuthority
    service_account_key: RSAKey
    log: Path
    seeded: SeededCloud

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings.loopback_port}"

    @property
    def endpoint(self) -> AwsEndpoint:
        return AwsEndpoint(
            self.url,
            {"AWS_ACCESS_KEY_ID": ACCESS_KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY},
        )

    def session(self, credentials: Credentials = OPERATOR) -> boto3.Session:
        return boto3.Session(
            aws_access_key_id=credentials.access_key_id,
            aws_secret_access_key=credentials.secret_access_key,
            aws_session_token=credentials.session_token,
            region_name=REGION,
        )

    # Clients are kept: making one takes longer than most tests.
    @cache  # noqa: B019 there is one Cloud in a run
    def kms(self, credentials: Credentials = OPERATOR) -> "KMSClient":
        return self.session(credentials).client("kms", endpoint_url=self.url, config=NO_RETRIES)

    @cache  # noqa: B019
    def iam(self, credentials: Credentials = OPERATOR) -> "IAMClient":
        return self.session(credentials).client("iam", endpoint_url=self.url, config=NO_RETRIES)

    @cache  # noqa: B019
    def ec2(self, credentials: Credentials = OPERATOR) -> "EC2Client":
        return self.session(credentials).client("ec2", endpoint_url=self.url, config=NO_RETRIES)

    @cache  # noqa: B019
    def eks(self, credentials: Credentials = OPERATOR) -> "EKSClient":
        return self.session(credentials).client("eks", endpoint_url=self.url, config=NO_RETRIES)

    @cache  # noqa: B019
    def secrets(self, credentials: Credentials = OPERATOR) -> "SecretsManagerClient":
        return self.session(credentials).client("secretsmanager", endpoint_url=self.url, config=NO_RETRIES)

    @cache  # noqa: B019
    def s3(self, credentials: Credentials = OPERATOR) -> "S3Client":
        return self.session(credentials).client("s3", endpoint_url=self.url, config=NO_RETRIES)

    @cache  # noqa: B019
    def sts(self, credentials: Credentials = OPERATOR) -> "STSClient":
        return self.session(credentials).client("sts", endpoint_url=self.url, config=NO_RETRIES)

    def user(self, *statements: Mapping[str, object]) -> "User":
        """A new user with these rights and no others."""
        name = f"user-{uuid4().hex[:8]}"
        iam = self.iam()
        arn = iam.create_user(UserName=name)["User"]["Arn"]
        iam.put_user_policy(UserName=name, PolicyName="rights", PolicyDocument=document(*statements))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return User(name, arn, Credentials(key["AccessKeyId"], key["SecretAccessKey"]))

    def token(self, key: RSAKey | None = None, **claims: object) -> str:
        """A token as the API server projects it into a pod, but for the given claims."""
        now = int(time.time())
        usual = {
            "iss": OIDC_ISSUER,
            "sub": SUBJECT,
            "aud": ["sts.amazonaws.com"],
            "iat": now,
            "nbf": now,
            "exp": now + 3600,
        }
        return jwt.encode({"alg": "RS256"}, usual | claims, key or self.service_account_key)

    def assume(self, role_arn: str, token: str, **arguments: Any) -> Credentials:
        """Credentials for a pod, got as an SDK in it gets them: with a request that is not signed."""
        sts = boto3.client(
            "sts",
            region_name=REGION,
            endpoint_url=self.url,
            config=Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1}),
        )
        answer = sts.assume_role_with_web_identity(
            RoleArn=role_arn, RoleSessionName="vault-0", WebIdentityToken=token, **arguments
        )["Credentials"]
        return Credentials(answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"])


def wait_for_health(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while True:
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"{url}{CONTROL_PREFIX}health", timeout=2) as answer:  # noqa: S310 loopback
                assert answer.status == 204
                return
        except (urllib.error.URLError, ConnectionError):
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)


@contextmanager
def refusal(code: str, message: str | None = None) -> Iterator[None]:
    """Expect an error of AWS's with this code and, where given, exactly this message."""
    with pytest.raises(ClientError) as raised:
        yield
    error = raised.value.response["Error"]
    assert error["Code"] == code, error
    if message is not None:
        assert error["Message"] == message


def allow(*actions: str, resource: str = "*", effect: str = "Allow", **more: object) -> dict[str, object]:
    return {"Effect": effect, "Action": list(actions), "Resource": resource, **more}


def document(*statements: Mapping[str, object]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def trust(operator: str = "StringEquals", subject: str = SUBJECT) -> str:
    condition = {operator: {f"{ISSUER_NAME}:sub": subject}}
    condition.setdefault("StringEquals", {})[f"{ISSUER_NAME}:aud"] = "sts.amazonaws.com"
    return document(
        {
            "Effect": "Allow",
            "Principal": {"Federated": PROVIDER_ARN},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": condition,
        }
    )


def administration() -> dict[str, object]:
    """The statement by which the account's root administers a key without using it."""
    actions = ["Describe*", "Get*", "List*", "Put*", "Create*", "Delete*", "Update*", "Enable*", "Disable*"]
    actions += ["ScheduleKeyDeletion", "CancelKeyDeletion", "TagResource", "UntagResource"]
    return allow(*(f"kms:{action}" for action in actions), Principal={"AWS": iam_arn("root")})


@dataclass(frozen=True)
class VaultWorld:
    """A role that a pod of Vault's can assume, and a key that only this role may use."""

    role_arn: str
    role_name: str
    key_arn: str


MakeVaultWorld = Callable[..., VaultWorld]
