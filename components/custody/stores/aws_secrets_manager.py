"""Stores keys in a secret of AWS Secrets Manager.

The stack creates secret, policy and KMS key (`aws/secret.py`); the store writes and reads its value.

Permissions needed on the secret: `secretsmanager:` DescribeSecret, GetSecretValue, PutSecretValue and (for
the probe) UpdateSecretVersionStage, and through Secrets Manager kms:Decrypt and kms:GenerateDataKey on its
key.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Self, TypeVar

from components.aws.credentials import CredentialSource
from components.config.patterns import AWS_REGION
from components.config.reader import ConfigReader
from components.custody.key_record import KeyRecord
from components.custody.key_store import (
    CLOUD_SECRET_BYTES,
    PROBE,
    KeyReference,
    KeyStore,
    KeyStoreError,
    KeyStoreUnavailableError,
    stored_record,
    without_secrets,
)
from components.errors import DeploymentError
from components.kubernetes.kubectl import KubernetesTarget

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from mypy_boto3_secretsmanager import SecretsManagerClient

Answer = TypeVar("Answer")

OWN_KEY = "own"
UNSEAL_KEY = "unseal-key"

CURRENT_STAGE = "AWSCURRENT"
PREVIOUS_STAGE = "AWSPREVIOUS"
PROBE_STAGE = "vault-autounseal-probe"

# https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html: AWS appends a hyphen
# and six characters to the name in the ARN, and takes a name with such an end for a part of an ARN.
_NAME = r"(?!.*-[A-Za-z0-9]{6}$)[A-Za-z0-9/_+=.@-]{1,512}"
_KEY_ARN = r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]+"
_PRINCIPAL_ARN = r"arn:aws[a-z-]*:iam::\d{12}:(user|role)/[\x21-\x29\x2b-\x3e\x40-\x7e]+"

_KEY_RIGHTS = {"GetSecretValue": "kms:Decrypt", "PutSecretValue": "kms:GenerateDataKey"}
"""Actions of Secrets Manager on the secret's key on the caller's behalf."""

_TRANSIENT_CODES = (
    "InternalFailure",
    "InternalServiceError",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
)


@dataclass(frozen=True)
class Store(KeyStore, CredentialSource):
    """A secret whose current version is the record, reached with the credentials of whoever deploys."""

    largest_record_bytes: ClassVar[int | None] = CLOUD_SECRET_BYTES

    name: str
    """Unique within account and region."""
    region: str
    kms_key: str
    """KMS key of the secret: ``own`` (one created for it), ``unseal-key``, or a key's ARN."""
    readers: tuple[str, ...]
    """ARNs of the users and roles that may read and write the secret, among them the one that deploys."""

    @classmethod
    def from_settings(cls, reader: ConfigReader) -> Self:
        """Read `custody.name`, `custody.region`, `custody.kmsKey` and `custody.readers`."""
        return cls(
            name=reader.required_text(
                "name",
                _NAME,
                "name the secret, such as vault/<cluster>/operator-init; a name is taken once in a region. "
                "Use letters, digits and /_+=.@-, but no hyphen before the last six characters",
            ),
            region=reader.required_text(
                "region", AWS_REGION, "give the AWS region of the cluster, such as eu-central-1"
            ),
            kms_key=reader.text(
                "kmsKey",
                OWN_KEY,
                rf"{OWN_KEY}|{UNSEAL_KEY}|{_KEY_ARN}",
                f"use {OWN_KEY} for a KMS key made for this secret, {UNSEAL_KEY}, or the ARN of a key",
            ),
            readers=_readers(reader),
        )

    def used_with(self, credentials: CredentialSource) -> Self:
        """Return the store as these credentials reach it."""
        return replace(self, **asdict(credentials))

    @property
    def options(self) -> Mapping[str, object]:
        """All fields but the empty ones of the credentials, which states of earlier versions don't have."""
        empty = {name for name, value in asdict(CredentialSource()).items() if getattr(self, name) == value}
        return {name: value for name, value in asdict(self).items() if name not in empty}

    @property
    def location(self) -> str:
        """The secret's region and name."""
        return f"AWS secret {self.name} in {self.region}"

    @property
    def place(self) -> Mapping[str, object]:
        """Name and region; readers and key are properties of the same secret. See :class:`KeyStore`."""
        return {"name": self.name, "region": self.region}

    def probe(self, target: KubernetesTarget) -> None:  # noqa: ARG002 - nothing of the cluster is needed
        """Write a version with a staging label of its own, read it back and remove the label.

        AWS deletes a version without a label. The very first version of a secret becomes its current one all
        the same (API reference, "PutSecretValue"): ``read`` doesn't take it for a record. See
        :class:`KeyStore`.
        """
        client = self._client()
        version = self._call(
            "PutSecretValue",
            lambda: client.put_secret_value(
                SecretId=self.name, SecretString=PROBE, VersionStages=[PROBE_STAGE]
            ),
        )["VersionId"]
        try:
            found = self._call(
                "GetSecretValue", lambda: client.get_secret_value(SecretId=self.name, VersionId=version)
            )
            if found.get("SecretString") != PROBE:
                raise KeyStoreError(f"The {self.location} doesn't hold what was just written into it.")
        finally:
            self._call(
                "UpdateSecretVersionStage",
                lambda: client.update_secret_version_stage(
                    SecretId=self.name, VersionStage=PROBE_STAGE, RemoveFromVersionId=version
                ),
            )

    def read(self, target: KubernetesTarget) -> KeyRecord | None:  # noqa: ARG002
        """Return the record in the current version, None if there is none yet. See :class:`KeyStore`."""
        client = self._client()
        described = self._call("DescribeSecret", lambda: client.describe_secret(SecretId=self.name))
        if described.get("DeletedDate") is not None:
            raise KeyStoreError(self._scheduled_for_deletion())
        stages = described.get("VersionIdsToStages", {}).values()
        if not any(CURRENT_STAGE in labels for labels in stages):
            return None
        found = self._call("GetSecretValue", lambda: client.get_secret_value(SecretId=self.name))
        # A binary secret has no text; it isn't a record either.
        text = found.get("SecretString", "")
        return None if text == PROBE else stored_record(text, self.location)

    def earlier(self, version: str, target: KubernetesTarget) -> Iterator[KeyRecord]:  # noqa: ARG002
        """Yield that version, and the one before the present one. See :class:`KeyStore`.

        AWS deletes versions that no label names at a time of its choice; the previous one has a label.
        """
        client = self._client()
        previous = {"VersionStage": PREVIOUS_STAGE}
        problems = []
        for which in ({"VersionId": version}, previous) if version else (previous,):
            try:
                found = self._call(
                    "GetSecretValue", partial(client.get_secret_value, SecretId=self.name, **which)
                )
            except KeyStoreUnavailableError:
                raise
            except KeyStoreError as error:
                problems.append(str(error))
                continue
            if (text := found.get("SecretString", "")) != PROBE:
                yield stored_record(text, self.location)
        if problems:
            raise KeyStoreError("; ".join(problems))

    def problem_of_creation(self) -> str | None:
        """Return why AWS won't create the secret for as long as 30 days: its name is that of a deleted one.

        None if it isn't. What else is wrong AWS says at the creation.
        """
        client = self._client()
        try:
            described = self._call("DescribeSecret", lambda: client.describe_secret(SecretId=self.name))
        except KeyStoreError:
            return None
        if described.get("DeletedDate") is None:
            return None
        return (
            f"{self._scheduled_for_deletion()} Set custody.name to another one for a new Vault; a secret "
            "that was taken back has to be imported (docs/operations.md#a-secret-that-was-deleted)."
        )

    def _scheduled_for_deletion(self) -> str:
        return (
            f"The {self.location} is scheduled for deletion. Take it back (aws secretsmanager "
            f"restore-secret --region {self.region} --secret-id {self.name}), or name another one."
        )

    def write(self, record: KeyRecord, target: KubernetesTarget) -> KeyReference:  # noqa: ARG002
        """Write a new current version; the previous one stays readable. See :class:`KeyStore`."""
        text = self.record_text(record)
        client = self._client()
        try:
            answer = self._call(
                "PutSecretValue", lambda: client.put_secret_value(SecretId=self.name, SecretString=text)
            )
        except KeyStoreError as error:
            raise type(error)(without_secrets(str(error), record)) from None
        return KeyReference(location=answer["ARN"], version=answer["VersionId"])

    def _client(self) -> "SecretsManagerClient":
        # Imported here, as it takes a third of a second that a preview without this store shouldn't spend.
        from botocore.config import Config
        from botocore.exceptions import (
            BotoCoreError,
            ClientError,
            ConnectionError,  # noqa: A004 - botocore's own
            HTTPClientError,
        )

        try:
            return self.session(self.region).client(
                "secretsmanager",
                config=Config(connect_timeout=10, read_timeout=20, retries={"mode": "standard"}),
            )
        except (ConnectionError, HTTPClientError) as error:
            raise KeyStoreUnavailableError(f"sts got no answer: {error}") from None
        except (BotoCoreError, ClientError) as error:
            raise KeyStoreError(f"The AWS configuration of this machine can't be used: {error}") from None
        except DeploymentError as error:
            raise KeyStoreError(str(error)) from None

    def _call(self, operation: str, call: Callable[[], Answer]) -> Answer:
        from botocore.exceptions import (
            BotoCoreError,
            ClientError,
            ConnectionError,  # noqa: A004 - botocore's own
            HTTPClientError,
        )

        doing = f"secretsmanager:{operation} on {self.location}"
        try:
            return call()
        except ClientError as error:
            raise _refusal(operation, doing, error) from None
        except (ConnectionError, HTTPClientError) as error:
            raise KeyStoreUnavailableError(f"{doing} got no answer: {error}") from None
        except BotoCoreError as error:
            # Such as missing or expired credentials.
            raise KeyStoreError(f"{doing} can't be asked for: {error}") from None


def _readers(reader: ConfigReader) -> tuple[str, ...]:
    key = "readers"
    fix = (
        "list the ARNs of the IAM users and roles that may read and write the keys, without wildcards; "
        "whoever runs pulumi up has to be among them, as arn:aws:iam::...:role/..., not as the assumed-role "
        "that aws sts get-caller-identity prints"
    )
    readers = tuple(reader.texts(key, fix))
    if not readers or not all(re.fullmatch(_PRINCIPAL_ARN, arn) for arn in readers):
        reader.report(key, fix)
    return readers


def _refusal(operation: str, doing: str, error: "ClientError") -> KeyStoreError:
    """Return the error with AWS's error message."""
    details = error.response.get("Error", {})
    code = details.get("Code", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    message = f"{doing} failed: {code}: {details.get('Message', '')}"
    if code in _TRANSIENT_CODES or status >= 500 or status == 429:
        return KeyStoreUnavailableError(message)
    if operation in _KEY_RIGHTS and "Access to KMS is not allowed" in message:
        # Secrets Manager doesn't say which permission is missing.
        message += (
            f"\nIt takes {_KEY_RIGHTS[operation]} on the secret's KMS key, in the key's policy and in one of "
            "the caller's own."
        )
    elif "explicit deny in a resource-based policy" in message:
        message += "\nOnly the principals in custody.readers may access the value; add the one that you use."
    elif code == "ResourceNotFoundException":
        message += (
            "\nThe stack makes the secret before the init (pulumi up). If it was deleted outside of the "
            "stack, run pulumi refresh and pulumi up."
        )
    return KeyStoreError(message)
