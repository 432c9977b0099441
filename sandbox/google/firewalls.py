"""Firewall rules of a project's networks (Compute Engine API v1).

https://cloud.google.com/compute/docs/reference/rest/v1/firewalls. Operations are done when they are answered.
"""

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from sandbox.google.accounts import timestamp
from sandbox.google.api_errors import GoogleError, JsonObject, text
from sandbox.google.policies import Policies
from sandbox.google.project import NETWORK, PROJECT_ID
from sandbox.google.rest_routes import Call, Route

BASE = "https://www.googleapis.com/compute/v1/"
NETWORK_PATH = f"projects/{PROJECT_ID}/global/networks/{NETWORK}"
_FIELDS = frozenset(
    [
        "name",
        "description",
        "network",
        "priority",
        "direction",
        "disabled",
        "allowed",
        "denied",
        "sourceRanges",
        "destinationRanges",
        "sourceTags",
        "targetTags",
        "sourceServiceAccounts",
        "targetServiceAccounts",
        "logConfig",
    ]
)
_RULES, _OPERATIONS = "/compute/v1/{project=projects/*}/global/firewalls", "/global/operations/"


@dataclass
class Firewalls:
    """The API, and the rules by name."""

    policies: Policies
    now: Callable[[], datetime]
    _rules: dict[str, JsonObject] = field(default_factory=dict)
    _operations: dict[str, JsonObject] = field(default_factory=dict)

    def routes(self) -> list[Route]:
        """Return its methods."""
        one = "/compute/v1/{name=projects/*/global/firewalls/*}"
        operation = "/compute/v1/{name=projects/*/global/operations/*}"
        network = "/compute/v1/{name=projects/*/global/networks/*}"
        return [
            Route("firewalls.insert", "POST", _RULES, self._insert),
            Route("firewalls.list", "GET", _RULES, self._list),
            Route("firewalls.get", "GET", one, lambda call: self._find(call, "get")),
            Route("firewalls.patch", "PATCH", one, self._patch),
            Route("firewalls.delete", "DELETE", one, self._delete),
            Route("networks.get", "GET", network, self._get_network),
            Route("globalOperations.get", "GET", operation, self._get_operation),
            Route("globalOperations.wait", "POST", f"{operation}/wait", self._get_operation),
        ]

    def _require(self, call: Call, permission: str, name: str) -> None:
        if not self.policies.allows(call.caller.member, f"compute.{permission}", name):
            raise GoogleError(
                "PERMISSION_DENIED",
                f"Required 'compute.{permission}' permission for '{name}'",
                compute_reason="forbidden",
            )

    def _find(self, call: Call, verb: str) -> JsonObject:
        name = call.names["name"]
        self._require(call, f"firewalls.{verb}", name)
        if name not in self._rules:
            raise _not_found(name)
        return self._rules[name]

    def _insert(self, call: Call) -> JsonObject:
        project = call.names["project"]
        rule_name = text(call.body, "name")
        if not re.fullmatch(r"[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?", rule_name):
            raise _invalid("resource.name", rule_name)
        name = f"{project}/global/firewalls/{rule_name}"
        self._require(call, "firewalls.create", name)
        network = self._network(text(call.body, "network", f"global/networks/{NETWORK}"), project)
        self._require(call, "networks.updatePolicy", network)
        if name in self._rules:
            raise GoogleError(
                "ALREADY_EXISTS", f"The resource '{name}' already exists", compute_reason="alreadyExists"
            )
        rule: JsonObject = {
            "kind": "compute#firewall",
            "id": str(10**18 + secrets.randbelow(10**18)),
            "creationTimestamp": timestamp(self.now()),
            "selfLink": BASE + name,
            "priority": 1000,
            "direction": "INGRESS",
            "disabled": False,
            "logConfig": {"enable": False},
            **_checked(call.body),
            "network": BASE + network,
        }
        if rule["direction"] == "INGRESS" and not any(key.startswith("source") for key in rule):
            rule["sourceRanges"] = ["0.0.0.0/0"]
        if ("allowed" in rule) == ("denied" in rule):
            raise _invalid("resource.allowed", "exactly one of allowed and denied has to be set")
        self._rules[name] = rule
        return self._done("insert", rule)

    def _list(self, call: Call) -> JsonObject:
        project = call.names["project"]
        self._require(call, "firewalls.list", project)
        if call.query.get("filter"):
            raise GoogleError("UNIMPLEMENTED", "filter: not implemented by the sandbox's Google Cloud")
        found = [rule for name, rule in self._rules.items() if name.startswith(f"{project}/")]
        return {"kind": "compute#firewallList", **({"items": found} if found else {})}

    def _patch(self, call: Call) -> JsonObject:
        rule = self._find(call, "update")
        self._require(call, "networks.updatePolicy", rule["network"].removeprefix(BASE))
        changes = _checked(call.body)
        changes.pop("network", None)
        rule.update({key: value for key, value in changes.items() if value is not None})
        for key in [key for key, value in changes.items() if value is None]:
            rule.pop(key, None)
        return self._done("patch", rule)

    def _delete(self, call: Call) -> JsonObject:
        rule = self._find(call, "delete")
        self._require(call, "networks.updatePolicy", rule["network"].removeprefix(BASE))
        del self._rules[call.names["name"]]
        return self._done("delete", rule)

    def _network(self, reference: str, project: str) -> str:
        name = re.sub(r"^https://[^/]+/compute/v1/", "", reference)
        if name.startswith("global/"):
            name = f"{project}/{name}"
        if name != NETWORK_PATH:
            raise _not_found(name)
        return name

    def _get_network(self, call: Call) -> JsonObject:
        name = call.names["name"]
        self._require(call, "networks.get", name)
        if name != NETWORK_PATH:
            raise _not_found(name)
        return {
            "kind": "compute#network",
            "id": "1000000000000000001",
            "name": NETWORK,
            "selfLink": BASE + name,
            "autoCreateSubnetworks": True,
        }

    def _done(self, kind: str, rule: JsonObject) -> JsonObject:
        name = f"operation-{secrets.token_hex(8)}"
        path = f"projects/{PROJECT_ID}{_OPERATIONS}{name}"
        self._operations[path] = {
            "kind": "compute#operation",
            "id": str(10**18 + secrets.randbelow(10**18)),
            "name": name,
            "operationType": kind,
            "targetLink": rule["selfLink"],
            "targetId": rule["id"],
            "status": "DONE",
            "progress": 100,
            "insertTime": timestamp(self.now()),
            "selfLink": BASE + path,
        }
        return self._operations[path]

    def _get_operation(self, call: Call) -> JsonObject:
        name = call.names["name"]
        self._require(call, "globalOperations.get", name)
        if name not in self._operations:
            raise _not_found(name)
        return self._operations[name]


def _checked(body: JsonObject) -> JsonObject:
    unknown = set(body) - _FIELDS - {"kind", "id", "selfLink", "creationTimestamp"}
    if unknown:
        raise _invalid("resource", f"unknown fields {sorted(unknown)}")
    return {key: value for key, value in body.items() if key in _FIELDS}


def _invalid(where: str, value: str) -> GoogleError:
    return GoogleError(
        "INVALID_ARGUMENT", f"Invalid value for field '{where}': '{value}'.", compute_reason="invalid"
    )


def _not_found(name: str) -> GoogleError:
    return GoogleError("NOT_FOUND", f"The resource '{name}' was not found", compute_reason="notFound")
