"""The settings of the provider `aws` that the stand-in follows."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.plugins.property_values import PropertyMap, PropertyValue
from sandbox.plugins.provider import CheckFailure, not_implemented

if TYPE_CHECKING:
    from mypy_boto3_sts.type_defs import AssumeRoleRequestTypeDef

IMPLEMENTED_SETTINGS = frozenset(
    {"allowedAccountIds", "assumeRoles", "defaultTags", "forbiddenAccountIds", "profile", "region"}
)
_ROLE_SETTINGS = frozenset({"externalId", "roleArn", "sessionName"})


@dataclass(frozen=True)
class AssumedRole:
    """The role that the provider assumes."""

    arn: str
    session_name: str = "aws-go-sdk"
    external_id: str | None = None

    def request(self) -> "AssumeRoleRequestTypeDef":
        """Return the arguments of STS AssumeRole."""
        request: AssumeRoleRequestTypeDef = {"RoleArn": self.arn, "RoleSessionName": self.session_name}
        if self.external_id is not None:
            request["ExternalId"] = self.external_id
        return request


@dataclass(frozen=True)
class Configuration:
    """A provider's settings."""

    region: str
    profile: str | None = None
    role: AssumedRole | None = None
    allowed_account_ids: tuple[str, ...] = ()
    forbidden_account_ids: tuple[str, ...] = ()
    default_tags: Mapping[str, str] = field(default_factory=dict)


def unimplemented_parts(inputs: PropertyMap) -> Iterator[CheckFailure]:
    """Yield what isn't implemented within the settings that are."""
    roles = _parsed(inputs, "assumeRoles", [])
    for index, role in enumerate(roles):
        for name in sorted(role.keys() - _ROLE_SETTINGS):
            path = f"assumeRoles[{index}].{name}"
            yield CheckFailure(path, not_implemented("aws", f"the provider's setting {path}"))
    if len(roles) > 1:
        yield CheckFailure("assumeRoles", not_implemented("aws", "a chain of roles"))


def configuration_of(inputs: PropertyMap) -> Configuration | None:
    """Return the settings; ``None`` if the region isn't known yet."""
    region, profile = inputs.get("region"), inputs.get("profile")
    if not isinstance(region, str):
        return None
    (role,) = _parsed(inputs, "assumeRoles", []) or [None]
    return Configuration(
        region=region,
        profile=profile if isinstance(profile, str) else None,
        role=None
        if role is None
        else AssumedRole(
            role["roleArn"], role.get("sessionName", AssumedRole.session_name), role.get("externalId")
        ),
        allowed_account_ids=tuple(_parsed(inputs, "allowedAccountIds", [])),
        forbidden_account_ids=tuple(_parsed(inputs, "forbiddenAccountIds", [])),
        default_tags=_parsed(inputs, "defaultTags", {}).get("tags", {}),
    )


def _parsed(inputs: PropertyMap, name: str, absent: Any) -> Any:
    """Return a setting that SDKs send as JSON text."""
    value: PropertyValue = inputs.get(name)
    return json.loads(value) if isinstance(value, str) else absent
