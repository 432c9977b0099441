"""Proves the seal awskms: calls DescribeKey, Encrypt and Decrypt with Vault's own credentials.

This finds a wrong trust policy, role policy, key policy or service account before anything irreversible:
Vault only describes the key when it starts, and first encrypts during the init.
"""

import base64
import secrets
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from components.aws.credentials import CredentialSource
from components.aws.key_fitness import ENABLED, SPEC, USAGE, fix_of_state, problem_of_kind
from components.aws.pod_identity_credentials import PodIdentityCredentials
from components.aws.static_credentials import StaticCredentials
from components.aws.vault_credentials import (
    AwsCallError,
    VaultCredentialSource,
    VaultIdentity,
    VaultRoleSession,
    WebIdentityCredentials,
)
from components.errors import DeploymentError
from components.kubernetes.kubectl import KubernetesTarget
from components.seal_preflight import DATA_KEY_BYTES, KeyWrapper, prove_key

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_kms.type_defs import KeyMetadataTypeDef

_SETTLING_STATES = ("Creating", "Updating")
_CONTEXT_NAME = "vault-autounseal:deployment"

Answer = TypeVar("Answer")


def prove_seal(properties: Mapping[str, Any], target: KubernetesTarget, seconds: float) -> "VaultRoleKey":
    """Prove that Vault can use the key, see :func:`components.seals.seal.prove_seal`.

    ``properties``: ``key_arn`` and its ``region``; with a role its ``role_arn`` and the pods'
    ``service_account``; with EKS Pod Identity also that as ``identity``, the EKS ``cluster``, its
    ``cluster_region``, ``pod``, the name of pod 0, and ``deployer``, the credentials that ask EKS. With
    ``static`` as ``identity`` instead of these ``secret``, and ``access_key_id`` and ``secret_access_key``,
    the names of its entries.
    """
    source = _credential_source({name: str(value) for name, value in properties.items()}, target)
    key = VaultRoleKey(VaultRoleSession(source), str(properties["key_arn"]))
    prove_key(identity=source.holder, key=key.key_name, seconds=seconds, proof=lambda: _prove(key))
    return key


def _credential_source(properties: Mapping[str, str], target: KubernetesTarget) -> VaultCredentialSource:
    # The state of an earlier version doesn't say that it is IRSA.
    kind = properties.get("identity", "irsa")
    if kind == "static":
        return StaticCredentials(
            target,
            properties["region"],
            secret=properties["secret"],
            access_key_id=properties["access_key_id"],
            secret_access_key=properties["secret_access_key"],
        )
    identity = VaultIdentity(
        properties["role_arn"], properties["region"], properties["service_account"], target
    )
    if kind == "irsa":
        return WebIdentityCredentials(identity)
    return PodIdentityCredentials(
        identity,
        CredentialSource.from_text(properties["deployer"]),
        cluster=properties["cluster"],
        region=properties["cluster_region"],
        pod=properties["pod"],
    )


class VaultRoleKey(KeyWrapper):
    """The seal's key, used as Vault's role. Every method raises :class:`AwsCallError`."""

    kind: ClassVar[str] = "aws-kms"
    key_field: ClassVar[str] = "key_arn"

    def __init__(self, session: VaultRoleSession, key_arn: str) -> None:
        self._session = session
        self._key_arn = key_arn

    @property
    def key_name(self) -> str:
        """The key's ARN."""
        return self._key_arn

    def wrap(self, key: bytes, deployment: str) -> Mapping[str, str]:
        """Wrap ``key`` with the deployment as the encryption context."""
        wrapped = self.encrypt(key, _context(deployment))
        return {"wrapped_key": base64.b64encode(wrapped).decode()}

    def unwrap(self, header: Mapping[str, str], deployment: str) -> bytes:
        """Return the key; KMS refuses it for another deployment."""
        return self.decrypt(base64.b64decode(header["wrapped_key"], validate=True), _context(deployment))

    def describe(self) -> "KeyMetadataTypeDef":
        """Return the key's state, spec and usage."""
        return self._call("kms:DescribeKey", lambda kms: kms.describe_key(KeyId=self._key_arn)["KeyMetadata"])

    def encrypt(self, plain: bytes, context: Mapping[str, str]) -> bytes:
        """Encrypt ``plain`` with KMS; decrypting needs the same encryption context."""
        return self._call(
            "kms:Encrypt",
            lambda kms: kms.encrypt(KeyId=self._key_arn, Plaintext=plain, EncryptionContext=context)[
                "CiphertextBlob"
            ],
        )

    def decrypt(self, ciphertext: bytes, context: Mapping[str, str]) -> bytes:
        """Decrypt what was encrypted with the same encryption context."""
        return self._call(
            "kms:Decrypt",
            lambda kms: kms.decrypt(
                KeyId=self._key_arn, CiphertextBlob=ciphertext, EncryptionContext=context
            )["Plaintext"],
        )

    def _call(self, action: str, request: "Callable[[KMSClient], Answer]") -> Answer:
        kms = self._session.kms()
        try:
            return request(kms)
        except (ClientError, BotoCoreError) as error:
            raise self._session.kms_error(action, error, self._key_arn) from None


def _prove(key: VaultRoleKey) -> None:
    _require_usable(key.key_name, key.describe())
    # Without a context, as Vault's seal uses the key.
    probe = secrets.token_bytes(DATA_KEY_BYTES)
    if key.decrypt(key.encrypt(probe, {}), {}) != probe:
        raise DeploymentError(f"{key.key_name} decrypted something else than it had encrypted.")


def _require_usable(arn: str, description: "KeyMetadataTypeDef") -> None:
    # The answer may leave these out; Encrypt then fails if they are wrong.
    problem = problem_of_kind(arn, description.get("KeySpec", SPEC), description.get("KeyUsage", USAGE))
    if problem is not None:
        raise DeploymentError(problem)
    state = description.get("KeyState", ENABLED)
    if state != ENABLED:
        raise AwsCallError(
            "Use of the key",
            f"{arn} is in the state {state}",
            fix_of_state(arn, state),
            settling=state in _SETTLING_STATES,
        )


def _context(deployment: str) -> Mapping[str, str]:
    return {_CONTEXT_NAME: deployment}
