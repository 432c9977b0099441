"""Declares the settings of the key and the role in AWS, without importing the SDK, which is slow."""

from dataclasses import dataclass
from typing import Literal

IdentityKind = Literal["irsa", "pod-identity", "static"]


@dataclass(frozen=True)
class StaticKeySettings:
    """The access key of an IAM user, in a Secret in Vault's namespace that somebody else has created."""

    secret: str
    """Name of the Secret."""
    access_key_id: str
    """Its entry with the id of the access key."""
    secret_access_key: str
    """Its entry with the access key itself."""
    user_arn: str | None
    """ARN of the user; None if the key exists, whose owner knows who may use it."""
    region: str
    """AWS region of the key that the stack creates on a cluster other than EKS; empty otherwise."""

    @property
    def account_id(self) -> str:
        """The user's account."""
        return (self.user_arn or "").split(":")[4]


@dataclass(frozen=True)
class KeySettings:
    """The KMS key that Vault unseals with."""

    alias: str
    """Alias of the key, ``alias/`` included."""
    deletion_window_days: int
    """Days between the deletion of the key and the loss of everything it sealed (7 to 30)."""
    rotation: bool
    """Whether AWS rotates the key material every year; older material stays usable for decryption."""
    retain_on_destroy: bool
    """Whether the key stays in AWS when the stack is destroyed."""


@dataclass(frozen=True)
class ExistingKeySettings:
    """A KMS key that somebody else created and administers; it may be of another account or Region."""

    arn: str
    """ARN of the key itself, not of an alias."""

    @property
    def region(self) -> str:
        """The key's AWS region."""
        return self.arn.split(":")[3]

    @property
    def key_id(self) -> str:
        """The key's id, which begins with ``mrk-`` for a multi-Region key."""
        return self.arn.rpartition("/")[2]


@dataclass(frozen=True)
class RoleSettings:
    """The IAM role that Vault's pods assume, and its policy."""

    name: str
    """Name of the role (at most 64 characters)."""
    policy_name: str
    """Name of the managed policy attached to the role (at most 128 characters)."""
    path: str
    """IAM path of both; begins and ends with a slash."""
    permissions_boundary: str | None
    """ARN of the role's permissions boundary, if an organisation demands one."""


@dataclass(frozen=True)
class ExistingRoleSettings:
    """An IAM role that somebody else created and administers."""

    arn: str

    @property
    def account_id(self) -> str:
        """The role's account."""
        return self.arn.split(":")[4]

    @property
    def name(self) -> str:
        """The role's name, without its path."""
        return self.arn.rpartition("/")[2]
