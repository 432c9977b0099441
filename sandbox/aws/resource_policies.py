"""Policies that lie on a resource (a KMS key, a secret), and the users and roles that they name."""

import re
from collections.abc import Mapping

from sandbox.aws import moto_state
from sandbox.aws.account import ACCOUNT_ID, PARTITION, iam_arn
from sandbox.aws.policy_document import PolicyDocument, Principals, parse_policy
from sandbox.errors import SandboxError


class UnknownPrincipalError(SandboxError):
    """A resource policy names somebody who doesn't exist, which AWS refuses."""


class NamedPrincipals:
    """The ids that users and roles had when a policy that names them was set, by the ARN of its resource."""

    def __init__(self) -> None:
        self._ids: dict[str, Mapping[str, str]] = {}

    def ids(self, resource_arn: str) -> Mapping[str, str]:
        """Return the ARNs that the resource's policy named, with the ids they had then."""
        return self._ids.get(resource_arn, {})

    def remember(self, resource_arn: str, policy: str) -> None:
        """Note whom the resource's policy names now that it was set."""
        self._ids[resource_arn] = existing_principals(parse_policy(policy))


def existing_principals(policy: PolicyDocument) -> Mapping[str, str]:
    """Return the users and roles that a resource policy names, with their ids.

    Raises UnknownPrincipalError for one that does not exist.
    """
    ids: dict[str, str] = {}
    for statement in policy.statements:
        principals = statement.principals or Principals()
        if principals.federated or not all(
            re.fullmatch(r"[a-z0-9.-]+\.amazonaws\.com", name) for name in principals.service
        ):
            raise UnknownPrincipalError
        for name in principals.aws:
            ids |= _principal_id(name)
    return ids


def _principal_id(name: str) -> Mapping[str, str]:
    if name in (ACCOUNT_ID, iam_arn("root")):
        return {}
    kind, _, rest = name.removeprefix(iam_arn("")).partition("/")
    session = f"arn:{PARTITION}:sts::{ACCOUNT_ID}:assumed-role/"
    if (
        name.startswith(session)
        and moto_state.find_role(name.removeprefix(session).partition("/")[0]) is not None
    ):
        return {}
    entity_name = rest.rpartition("/")[2]
    entity = {"role": moto_state.find_role, "user": moto_state.find_user}.get(kind, lambda _: None)(
        entity_name
    )
    if entity is None or entity.arn != name:
        raise UnknownPrincipalError
    return {entity.arn: str(entity.id)}
