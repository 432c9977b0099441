"""botocore clients for one region, and AWS errors in the words of the real plugin."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal, cast, overload

from sandbox.plugins.aws.configuration import Configuration
from sandbox.plugins.provider import ProviderError

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from botocore.session import Session
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_eks import EKSClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sts import STSClient

ServiceName = Literal["ec2", "eks", "iam", "kms", "s3", "secretsmanager", "sts"]


class Aws:
    """Clients of the services in one region, each made when it is first asked for.

    The endpoint and, unless the configuration has a profile or a role, the credentials come from the
    environment (``AWS_ENDPOINT_URL``, ``AWS_ACCESS_KEY_ID``, ...), as for the real plugin. botocore is
    imported here and not before, since it takes longer than all the rest of the plugin's start; boto3, which
    would add a session of its own, isn't needed.
    """

    def __init__(self, configuration: Configuration) -> None:
        self.region = configuration.region
        self.default_tags = configuration.default_tags
        self._configuration = configuration
        self._lock = threading.Lock()
        self._clients: dict[ServiceName, object] = {}

    def in_region(self, region: str) -> "Aws":
        """Return the same for another region."""
        return Aws(replace(self._configuration, region=region))

    @property
    def partition(self) -> str:
        """The partition that the region belongs to, as ARNs name it."""
        return self._session.get_partition_for_region(self.region)

    @cached_property
    def account_id(self) -> str:
        """The account of the credentials; asking for it needs no right."""
        with failing_as("retrieving AWS account details: retrieving caller identity from STS", "sts"):
            return self.client("sts").get_caller_identity()["Account"]

    @cached_property
    def _session(self) -> "Session":
        from botocore.session import Session

        session = Session(profile=self._configuration.profile)
        if (role := self._configuration.role) is not None:
            sts = cast("STSClient", session.create_client("sts", region_name=self.region))
            with failing_as(f"IAM Role ({role.arn}) cannot be assumed", "sts"):
                credentials = sts.assume_role(**role.request())["Credentials"]
            session = Session()
            session.set_credentials(
                credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"]
            )
        self._require_account(session)
        return session

    def _require_account(self, session: "Session") -> None:
        """Refuse an account as terraform-provider-aws does (``internal/conns/config.go``)."""
        configuration = self._configuration
        if configuration.allowed_account_ids or configuration.forbidden_account_ids:
            sts = cast("STSClient", session.create_client("sts", region_name=self.region))
            with failing_as("retrieving caller identity from STS", "sts"):
                account_id = sts.get_caller_identity()["Account"]
            allowed = configuration.allowed_account_ids or (account_id,)
            if account_id not in allowed or account_id in configuration.forbidden_account_ids:
                raise ProviderError(f"AWS account ID not allowed: {account_id}")

    @overload
    def client(self, service: Literal["ec2"]) -> "EC2Client": ...
    @overload
    def client(self, service: Literal["eks"]) -> "EKSClient": ...
    @overload
    def client(self, service: Literal["iam"]) -> "IAMClient": ...
    @overload
    def client(self, service: Literal["kms"]) -> "KMSClient": ...
    @overload
    def client(self, service: Literal["s3"]) -> "S3Client": ...
    @overload
    def client(self, service: Literal["secretsmanager"]) -> "SecretsManagerClient": ...
    @overload
    def client(self, service: Literal["sts"]) -> "STSClient": ...
    def client(self, service: ServiceName) -> object:
        """Return the client of one service."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._session.create_client(service, region_name=self.region)
            return self._clients[service]


def error_code(error: "ClientError") -> str:
    """Return the error's code, without the ``Exception`` that some services put after it."""
    return error.response.get("Error", {}).get("Code", "").removesuffix("Exception")


@contextmanager
def failing_as(doing: str, service: ServiceName) -> Iterator[None]:
    """Give AWS's errors the form in which the real plugin reports them: ``1 error occurred: * <doing>:
    <error>``.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        raise ProviderError(one_error(f"{doing}: {_operation_error(error, service)}")) from error
    except BotoCoreError as error:
        raise ProviderError(one_error(f"{doing}: {error}")) from error


def one_error(text: str) -> str:
    """Return the frame that the real plugin puts around a single error."""
    return f"1 error occurred:\n\t* {text}\n\n"


def _operation_error(error: "ClientError", service: ServiceName) -> str:
    """Return the text of the AWS SDK for Go, on which the real plugin stands."""
    metadata = error.response.get("ResponseMetadata")
    status = metadata["HTTPStatusCode"] if metadata else 0
    request = metadata.get("RequestId", "") if metadata else ""
    details = error.response.get("Error", {})
    code = details.get("Code", "")
    if service in ("ec2", "s3"):
        code = f"api error {code}"
    if service == "s3":
        request = f"{request}, HostID: {metadata.get('HostId', '') if metadata else ''}"
    service_id = "Secrets Manager" if service == "secretsmanager" else service.upper()
    return (
        f"operation error {service_id}: {error.operation_name}, https response error StatusCode: {status}, "
        f"RequestID: {request}, {code}: {details.get('Message', '')}"
    )
