"""Gets the credentials of whoever deploys, as Pulumi's AWS provider gets them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

from components.errors import DeploymentError

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_sts.type_defs import AssumeRoleRequestTypeDef

SESSION_NAME = "vault-autounseal"


@dataclass(frozen=True, kw_only=True)
class CredentialSource:
    """A profile and a role, if there are any, and the accounts that they may lead to.

    Empty fields leave all to the environment: `AWS_PROFILE` and the other variables of AWS's tools.
    """

    profile: str = ""
    """Profile of the AWS configuration files; takes precedence over keys in the environment."""
    assumed_role: str = ""
    """ARN of a role to assume with these credentials."""
    role_session_name: str = ""
    external_id: str = ""
    """What the role's trust policy may ask for; not a secret."""
    allowed_account_ids: tuple[str, ...] = ()
    """Accounts that may be used; empty for any."""
    forbidden_account_ids: tuple[str, ...] = ()

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Return what :meth:`to_text` made a text of; an empty one for an empty text."""
        values: Mapping[str, Any] = json.loads(text or "{}")
        lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
        return cls(**{**values, **lists})

    def to_text(self) -> str:
        """Return the fields that are set, for a resource's inputs; an empty text if there are none."""
        values = {name: value for name, value in asdict(self).items() if value}
        return json.dumps(values) if values else ""

    def token_options(self) -> Sequence[str]:
        """Return the options with which `aws eks get-token` uses the same credentials.

        It has none for a session's name and an external id.
        """
        return [
            *(["--profile", self.profile] if self.profile else []),
            *(["--role-arn", self.assumed_role] if self.assumed_role else []),
        ]

    def session(self, region: str) -> "boto3.Session":
        """Return a session with these credentials.

        Raises :class:`DeploymentError` if they are of an account that may not be used, and botocore's errors.
        """
        # Imported here, as it takes a third of a second.
        import boto3

        session = boto3.Session(profile_name=self.profile or None, region_name=region)
        if self.assumed_role:
            request: AssumeRoleRequestTypeDef = {
                "RoleArn": self.assumed_role,
                "RoleSessionName": self.role_session_name or SESSION_NAME,
            }
            if self.external_id:
                request["ExternalId"] = self.external_id
            credentials = session.client("sts").assume_role(**request)["Credentials"]
            session = boto3.Session(
                aws_access_key_id=credentials["AccessKeyId"],
                aws_secret_access_key=credentials["SecretAccessKey"],
                aws_session_token=credentials["SessionToken"],
                region_name=region,
            )
        if self.allowed_account_ids or self.forbidden_account_ids:
            self._require_allowed(session.client("sts").get_caller_identity()["Account"])
        return session

    def _require_allowed(self, account_id: str) -> None:
        allowed = not self.allowed_account_ids or account_id in self.allowed_account_ids
        if not allowed or account_id in self.forbidden_account_ids:
            raise DeploymentError(
                f"The AWS credentials in use are of account {account_id}, which aws:allowedAccountIds or "
                "aws:forbiddenAccountIds excludes: use others (aws:profile, AWS_PROFILE)."
            )
