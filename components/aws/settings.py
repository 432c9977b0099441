"""Declares the settings of the key and the role in AWS, without importing the SDK, which is slow."""

from dataclasses import dataclass
from typing import Literal

IdentityKind = Literal["irsa", "pod-identity"]


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
