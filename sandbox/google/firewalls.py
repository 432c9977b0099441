"""Firewall rules of a project's networks (Compute Engine API, v1 and beta).

https://cloud.google.com/compute/docs/reference/rest/v1/firewalls. A change is answered with an operation that
runs for a moment. Until it is done the rule is as it was, and takes no other change.
"""

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sandbox.google import compute
from sandbox.google.accounts import timestamp
from sandbox.google.api_errors import GoogleError, JsonObject, not_implemented, text
from sandbox.google.policies import Policies
from sandbox.google.project import NETWORK, PROJECT_ID
from sandbox.google.rest_routes import Call, Route

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
_CHANGE_TIME = timedelta(milliseconds=200)


@dataclass
class _Operation:
    """A change that runs: ``apply`` brings the rule to it when it ends."""

    kind: str
    rule: str
    rule_id: str
    identifier: str
    begins: datetime
    apply: Callable[[], object]
    done: bool = False

    def to_json(self, name: str, version: str) -> JsonObject:
        """Return the operation as the API answers with it."""
        return {
            "kind": "compute#operation",
            "id": self.identifier,
            "name": name.rpartition("/")[2],
            "operationType": self.kind,
            "targetLink": compute.link(version, self.rule),
            "targetId": self.rule_id,
            "status": "DONE" if self.done else "RUNNING",
            "progress": 100 if self.done else 0,
            "insertTime": timestamp(self.begins),
            "selfLink": compute.link(version, name),
        }


@dataclass
class Firewalls:
    """The API, and the rules by name. A rule is kept without links, which depend on the version."""

    policies: Policies
    now: Callable[[], datetime]
    _rules: dict[str, JsonObject] = field(default_factory=dict)
    _operations: dict[str, _Operation] = field(default_factory=dict)

    def routes(self) -> list[Route]:
        """Return its methods, in both versions."""
        rules = "{project=projects/*}/global/firewalls"
        one = "{name=projects/*/global/firewalls/*}"
        network = "{name=projects/*/global/networks/*}"
        operation = "{name=projects/*/global/operations/*}"
        return [
            Route(name, method, compute.path(version, path), handler)
            for version in compute.VERSIONS
            for name, method, path, handler in (
                ("firewalls.insert", "POST", rules, self._insert),
                ("firewalls.list", "GET", rules, self._list),
                ("firewalls.get", "GET", one, self._get),
                ("firewalls.patch", "PATCH", one, self._patch),
                ("firewalls.delete", "DELETE", one, self._delete),
                ("networks.get", "GET", network, self._get_network),
                ("globalOperations.get", "GET", operation, self._get_operation),
            )
        ]

    def _require(self, call: Call, permission: str, name: str) -> None:
        compute.require(self.policies, call, permission, name)

    def _find(self, call: Call, verb: str) -> JsonObject:
        name = call.names["name"]
        self._require(call, f"firewalls.{verb}", name)
        self._catch_up()
        if name not in self._rules:
            raise compute.not_found(name)
        return self._rules[name]

    def _get(self, call: Call) -> JsonObject:
        return _linked(call.names["name"], self._find(call, "get"), call.names["version"])

    def _insert(self, call: Call) -> JsonObject:
        project = call.names["project"]
        rule_name = text(call.body, "name")
        if not re.fullmatch(r"[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?", rule_name):
            raise compute.invalid("resource.name", rule_name)
        name = f"{project}/global/firewalls/{rule_name}"
        self._require(call, "firewalls.create", name)
        network = _network(text(call.body, "network", f"global/networks/{NETWORK}"), project)
        self._require(call, "networks.updatePolicy", network)
        self._catch_up()
        if name in self._rules:
            raise GoogleError(
                "ALREADY_EXISTS", f"The resource '{name}' already exists", compute_reason="alreadyExists"
            )
        rule: JsonObject = {
            "kind": "compute#firewall",
            "id": _new_id(),
            "creationTimestamp": timestamp(self.now()),
            "priority": 1000,
            "direction": "INGRESS",
            "disabled": False,
            "logConfig": {"enable": False},
            **_without_empty(_checked(call.body)),
            "network": network,
        }
        if rule["direction"] == "INGRESS" and not any(key.startswith("source") for key in rule):
            rule["sourceRanges"] = ["0.0.0.0/0"]
        if ("allowed" in rule) == ("denied" in rule):
            raise compute.invalid("resource.allowed", "exactly one of allowed and denied has to be set")
        return self._begin(call, "insert", name, rule, lambda: self._rules.update({name: rule}))

    def _list(self, call: Call) -> JsonObject:
        project = call.names["project"]
        self._require(call, "firewalls.list", project)
        if call.query.get("filter"):
            raise not_implemented("A filter of firewall rules")
        self._catch_up()
        found = [
            _linked(name, rule, call.names["version"])
            for name, rule in self._rules.items()
            if name.startswith(f"{project}/")
        ]
        return {"kind": "compute#firewallList", **({"items": found} if found else {})}

    def _patch(self, call: Call) -> JsonObject:
        rule, name = self._find(call, "update"), call.names["name"]
        self._require(call, "networks.updatePolicy", rule["network"])
        changes = _checked(call.body)
        if "network" in changes and _network(text(changes, "network"), _project(name)) != rule["network"]:
            raise not_implemented("A firewall rule's move to another network")
        changed = _without_empty({**rule, **changes, "network": rule["network"]})
        return self._begin(call, "patch", name, rule, lambda: self._rules.update({name: changed}))

    def _delete(self, call: Call) -> JsonObject:
        rule, name = self._find(call, "delete"), call.names["name"]
        self._require(call, "networks.updatePolicy", rule["network"])
        return self._begin(call, "delete", name, rule, lambda: self._rules.pop(name))

    def _get_network(self, call: Call) -> JsonObject:
        name = call.names["name"]
        self._require(call, "networks.get", name)
        if name != NETWORK_PATH:
            raise compute.not_found(name)
        return {
            "kind": "compute#network",
            "id": "1000000000000000001",
            "name": NETWORK,
            "selfLink": compute.link(call.names["version"], name),
            "autoCreateSubnetworks": True,
        }

    def _begin(
        self, call: Call, kind: str, rule_name: str, rule: JsonObject, apply: Callable[[], object]
    ) -> JsonObject:
        """Begin a change; raises GoogleError if the one before still runs."""
        if any(before.rule == rule_name and not before.done for before in self._operations.values()):
            raise GoogleError(
                "INVALID_ARGUMENT",
                f"The resource '{rule_name}' is not ready",
                compute_reason="resourceNotReady",
            )
        name = f"{_project(rule_name)}/global/operations/operation-{secrets.token_hex(8)}"
        self._operations[name] = _Operation(kind, rule_name, rule["id"], _new_id(), self.now(), apply)
        return self._operations[name].to_json(name, call.names["version"])

    def _catch_up(self) -> None:
        for operation in self._operations.values():
            if not operation.done and operation.begins + _CHANGE_TIME <= self.now():
                operation.apply()
                operation.done = True

    def _get_operation(self, call: Call) -> JsonObject:
        name = call.names["name"]
        self._require(call, "globalOperations.get", name)
        self._catch_up()
        if name not in self._operations:
            raise compute.not_found(name)
        return self._operations[name].to_json(name, call.names["version"])


def _new_id() -> str:
    return str(10**18 + secrets.randbelow(10**18))


def _project(name: str) -> str:
    return "/".join(name.split("/")[:2])


def _network(reference: str, project: str) -> str:
    """Return a network's name; raises GoogleError if there is no such network."""
    name = compute.name_in(reference)
    if name.startswith("global/"):
        name = f"{project}/{name}"
    if name != NETWORK_PATH:
        raise compute.not_found(name)
    return name


def _linked(name: str, rule: JsonObject, version: str) -> JsonObject:
    return {
        **rule,
        "selfLink": compute.link(version, name),
        "network": compute.link(version, rule["network"]),
    }


def _checked(body: JsonObject) -> JsonObject:
    unknown = set(body) - _FIELDS - {"kind", "id", "selfLink", "creationTimestamp"}
    if unknown:
        raise compute.invalid("resource", f"unknown fields {sorted(unknown)}")
    return {key: value for key, value in body.items() if key in _FIELDS}


def _without_empty(rule: JsonObject) -> JsonObject:
    """Leave out what Google doesn't tell: what is null or has nothing in it."""
    return {key: value for key, value in rule.items() if value not in (None, "", [])}
