"""The proof of the seal awskms: DescribeKey, Encrypt and Decrypt as Vault's role, not as the person.

It catches a wrong trust policy, role policy, key policy or service account before anything irreversible:
Vault itself only describes the key at its start, and first encrypts at the init.
"""

import base64
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from components.aws_role_session import AwsCallError, VaultIdentity, VaultRoleSession
from components.errors import DeploymentError
from components.journal_cipher import KEY_BYTES, JournalCipher, JournalError, decoded
from components.kubectl import KubernetesTarget
from components.progress import Waiting, say

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_kms.type_defs import KeyMetadataTypeDef

_CIPHER_SECONDS = 60
_KEY_SPEC = "SYMMETRIC_DEFAULT"
_KEY_USAGE = "ENCRYPT_DECRYPT"
_SETTLING_STATES = ("Creating", "Updating")
_CONTEXT_NAME = "vault-autounseal:deployment"

Answer = TypeVar("Answer")


def prove_seal(properties: Mapping[str, Any], target: KubernetesTarget, seconds: float) -> JournalCipher:
    """As :func:`components.seal_preflight.run_preflight`.

    ``properties``: ``role_arn``, the role of Vault's pods, their ``service_account``, ``key_arn`` and
    ``region``.
    """
    identity = VaultIdentity(
        role_arn=str(properties["role_arn"]),
        region=str(properties["region"]),
        service_account=str(properties["service_account"]),
        target=target,
    )
    key = VaultRoleKey(VaultRoleSession(identity), str(properties["key_arn"]))
    say(f"Proving that {identity.role_arn} can use {key.arn}")
    try:
        _until_settled("Waiting for Vault's role to be able to use its key", seconds, lambda: _prove(key))
    except DeploymentError as error:
        raise DeploymentError(
            f"The preflight of the seal as Vault's role {identity.role_arn} didn't succeed; nothing was "
            f"initialised. {error}\nThen run pulumi up again."
        ) from None
    return KmsEnvelopeCipher(key)


class VaultRoleKey:
    """The seal's key with the rights of Vault's role. Every method raises :class:`AwsCallError`."""

    def __init__(self, session: VaultRoleSession, key_arn: str) -> None:
        self._session = session
        self.arn = key_arn

    def describe(self) -> "KeyMetadataTypeDef":
        """State, kind and use of the key."""
        return self._call("kms:DescribeKey", lambda kms: kms.describe_key(KeyId=self.arn)["KeyMetadata"])

    def encrypt(self, plain: bytes, context: Mapping[str, str]) -> bytes:
        """``plain`` encrypted by KMS; without the same context it can't be decrypted."""
        return self._call(
            "kms:Encrypt",
            lambda kms: kms.encrypt(KeyId=self.arn, Plaintext=plain, EncryptionContext=context)[
                "CiphertextBlob"
            ],
        )

    def decrypt(self, ciphertext: bytes, context: Mapping[str, str]) -> bytes:
        """The opposite."""
        return self._call(
            "kms:Decrypt",
            lambda kms: kms.decrypt(KeyId=self.arn, CiphertextBlob=ciphertext, EncryptionContext=context)[
                "Plaintext"
            ],
        )

    def _call(self, action: str, request: "Callable[[KMSClient], Answer]") -> Answer:
        kms = self._session.kms()
        try:
            return request(kms)
        except (ClientError, BotoCoreError) as error:
            raise self._session.call_error(action, error, resource=self.arn) from None


@dataclass(frozen=True, repr=False)
class KmsEnvelopeCipher(JournalCipher):
    """A data key made here and wrapped by the seal's key: whoever may unseal Vault may read the journal."""

    kind: ClassVar[str] = "aws-kms"
    role_key: VaultRoleKey

    def _make(self, deployment: str) -> tuple[Mapping[str, str], bytes]:
        key = secrets.token_bytes(KEY_BYTES)
        wrapped = self._use_kms(lambda: self.role_key.encrypt(key, _context(deployment)))
        return {"key_arn": self.role_key.arn, "wrapped_key": base64.b64encode(wrapped).decode()}, key

    def _open(self, header: Mapping[str, str], deployment: str) -> bytes:
        if header.get("key_arn") != self.role_key.arn:
            raise JournalError(
                f"its key was wrapped by {header.get('key_arn')}, and the seal's key is {self.role_key.arn}; "
                "let the stack use the earlier key again"
            )
        wrapped = decoded(header.get("wrapped_key", ""))
        return self._use_kms(lambda: self.role_key.decrypt(wrapped, _context(deployment)))

    def _use_kms(self, request: Callable[[], bytes]) -> bytes:
        try:
            return _until_settled("Waiting for the key of the journal", _CIPHER_SECONDS, request)
        except AwsCallError as error:
            raise JournalError(f"its key can't be had: {error}") from None


def _prove(key: VaultRoleKey) -> None:
    _require_usable(key.arn, key.describe())
    # Without a context, as Vault's seal uses the key.
    probe = secrets.token_bytes(KEY_BYTES)
    if key.decrypt(key.encrypt(probe, {}), {}) != probe:
        raise DeploymentError(f"{key.arn} decrypted something else than it had encrypted.")


def _require_usable(arn: str, description: "KeyMetadataTypeDef") -> None:
    # The answer may leave both out; then Encrypt tells.
    spec = description.get("KeySpec", _KEY_SPEC)
    usage = description.get("KeyUsage", _KEY_USAGE)
    if (spec, usage) != (_KEY_SPEC, _KEY_USAGE):
        raise DeploymentError(
            f"The key {arn} is of the wrong kind ({spec}, {usage}). A seal needs a symmetric key to encrypt "
            f"and decrypt ({_KEY_SPEC}, {_KEY_USAGE}), and an existing key can't be changed to it."
        )
    state = description.get("KeyState", "Enabled")
    if state == "Enabled":
        return
    mends = {
        "Disabled": f"Enable it: aws kms enable-key --key-id {arn}",
        "PendingDeletion": f"It will be deleted. Keep it: aws kms cancel-key-deletion --key-id {arn}, and "
        "enable it then.",
    }
    raise AwsCallError(
        "Use of the key",
        f"{arn} is in the state {state}",
        mends.get(state, "It has to be in the state Enabled."),
        settling=state in _SETTLING_STATES,
    )


def _until_settled(what: str, seconds: float, attempt: Callable[[], Answer]) -> Answer:
    """Tries again while IAM may be settling, AWS is busy or can't be reached, until the time is over."""
    waiting = Waiting(what, seconds)
    while True:
        try:
            return attempt()
        except AwsCallError as error:
            if waiting.over or not error.settling:
                raise
            waiting.pause(error.summary, seconds=1)


def _context(deployment: str) -> Mapping[str, str]:
    return {_CONTEXT_NAME: deployment}
