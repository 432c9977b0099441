"""How an API is written down: its host, and one route for each method that it has."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sandbox.google.api_errors import GoogleError, JsonObject
from sandbox.google.policies import Policies


@dataclass(frozen=True)
class Caller:
    """Who calls, as IAM's policies name them, and what their token is good for."""

    member: str
    scopes: frozenset[str] = frozenset({"https://www.googleapis.com/auth/cloud-platform"})


NOBODY = Caller("allUsers", frozenset())
"""The caller of a method that takes no credentials."""


@dataclass(frozen=True)
class RawAnswer:
    """An answer with headers of its own; ``content`` is what it says, in this media type."""

    content: bytes = b""
    content_type: str = "application/json; charset=UTF-8"
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200


@dataclass(frozen=True)
class Call:
    """One request: what its path names, its query, and its body.

    A route that takes any content gets it, with the headers (names in lower case), and no body.
    """

    caller: Caller
    names: Mapping[str, str]
    query: Mapping[str, str] = field(default_factory=dict)
    body: JsonObject = field(default_factory=dict)
    content: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def required_query(self, name: str) -> str:
        """Raise GoogleError (INVALID_ARGUMENT) if the query lacks it."""
        value = self.query.get(name, "")
        if not value:
            raise GoogleError("INVALID_ARGUMENT", f"Missing required parameter: {name}")
        return value

    def update_mask(self) -> Sequence[str]:
        """Return the fields of a PATCH, in lower camel case."""
        names = (self.query.get("updateMask") or self.body.get("updateMask") or "").split(",")
        return [re.sub(r"_([a-z])", lambda found: found[1].upper(), name) for name in names if name]


Handler = Callable[[Call], JsonObject | RawAnswer]


@dataclass(frozen=True)
class Route:
    """One method of an API.

    ``path`` is a template as in Google's API definitions (google/api/http.proto):
    ``{name=projects/*/secrets/*}`` is a part with a name, ``*`` one segment, ``**`` any number of them.
    """

    name: str
    method: str
    path: str
    handler: Handler
    authenticated: bool = True
    any_content: bool = False
    """Whether the body need not be JSON."""

    @property
    def path_without_names(self) -> str:
        """The path as people write it, such as ``/v1/projects/*/roles``."""
        return re.sub(r"\{\w+=([^}]+)\}", r"\1", self.path)

    @property
    def pattern(self) -> re.Pattern[str]:
        """The template as a regular expression."""
        pattern, position = "", 0
        for found in re.finditer(r"\{(\w+)=([^}]+)\}", self.path):
            pattern += re.escape(self.path[position : found.start()])
            part = re.escape(found[2]).replace(r"\*\*", ".+").replace(r"\*", "[^/:]+")
            pattern += f"(?P<{found[1]}>{part})"
            position = found.end()
        return re.compile(pattern + re.escape(self.path[position:]))


@dataclass(frozen=True)
class Service:
    """An API: the name that the world knows it by, and its methods."""

    host: str
    title: str
    routes: Sequence[Route]
    can_be_disabled: bool = True
    """Whether a project has to enable it first."""


def policy_routes(
    prefix: str, resource: str, permission: str, policy: "PolicyMethods", get: str
) -> list[Route]:
    """Return the three policy methods of a kind of resource.

    ``permission`` is the kind's, without the verb; ``get`` the HTTP method of `getIamPolicy`, which differs.
    """
    return [
        Route(
            "GetIamPolicy",
            get,
            f"{prefix}{{resource={resource}}}:getIamPolicy",
            lambda call: policy.get(call, permission),
        ),
        Route(
            "SetIamPolicy",
            "POST",
            f"{prefix}{{resource={resource}}}:setIamPolicy",
            lambda call: policy.set(call, permission),
        ),
        Route(
            "TestIamPermissions",
            "POST",
            f"{prefix}{{resource={resource}}}:testIamPermissions",
            lambda call: policy.test(call),
        ),
    ]


class PolicyMethods:
    """The three policy methods of a kind of resource.

    ``exists`` returns a resource's name, and raises GoogleError if there is no such resource.
    ``canonical`` turns the other names that a resource has into the one that policies are kept by.
    """

    def __init__(
        self,
        policies: Policies,
        exists: Callable[[str], str],
        canonical: Callable[[str], str] = lambda name: name,
    ) -> None:
        self._policies = policies
        self._exists = exists
        self._canonical = canonical

    def get(self, call: Call, permission: str) -> JsonObject:
        """Serve `getIamPolicy`."""
        resource = self._canonical(call.names["resource"])
        self._policies.require(call.caller.member, f"{permission}.getIamPolicy", resource)
        return self._policies.get(self._exists(resource)).to_json()

    def set(self, call: Call, permission: str) -> JsonObject:
        """Serve `setIamPolicy`."""
        resource = self._canonical(call.names["resource"])
        self._policies.require(call.caller.member, f"{permission}.setIamPolicy", resource)
        return self._policies.replace(self._exists(resource), call.body.get("policy") or {}).to_json()

    def test(self, call: Call) -> JsonObject:
        """Serve `testIamPermissions`, which takes no permission itself."""
        resource = self._canonical(call.names["resource"])
        return self._policies.test(call.caller.member, call.body.get("permissions") or [], resource)
