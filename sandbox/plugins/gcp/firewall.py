"""``gcp:compute/firewall:Firewall``: rules that let traffic in."""

import http.client
import re
from collections.abc import Sequence
from typing import ClassVar

from typing_extensions import override

from sandbox.plugins.bridged_schema import Property, Schema
from sandbox.plugins.gcp.api import GoogleApiError, JsonObject, Method, failing_as, objects, one_error
from sandbox.plugins.gcp.resource_type import PROJECT, GoogleResourceType, parsed_id
from sandbox.plugins.json_values import Json, to_json
from sandbox.plugins.property_values import PropertyMap, PropertyValue
from sandbox.plugins.provider import CheckFailure, ProviderError, Resource
from sandbox.plugins.validation import integer_between, matching, only

_SERVICE = "compute"
_API = "compute/beta"
_FORM = "projects/{project}/global/firewalls/{name}"
_NETWORK = re.compile(r"(?:.*/)?projects/(?P<project>[^/]+)/global/networks/(?P<name>[^/]+)")


def _network(value: PropertyValue, project: str) -> str:
    """Return a network by its path below the API, whether given by name, path or link."""
    text = str(value)
    if match := _NETWORK.fullmatch(text):
        return f"projects/{match['project']}/global/networks/{match['name']}"
    return f"projects/{project}/global/networks/{text.removeprefix('global/networks/')}"


def _same_network(old: PropertyValue, new: PropertyValue) -> bool:
    """Compare a bare name with a name, anything longer with the whole path."""
    if "/" not in str(old) or "/" not in str(new):
        return str(old).rpartition("/")[2] == str(new).rpartition("/")[2]
    return _network(old, "") == _network(new, "")


def _rules(value: PropertyValue) -> set[tuple[str, tuple[str, ...]]]:
    """Return what is let in, whatever the order."""
    found: set[tuple[str, tuple[str, ...]]] = set()
    for rule in value if isinstance(value, list) else []:
        if isinstance(rule, dict):
            ports = rule.get("ports")
            listed = sorted(str(port) for port in ports) if isinstance(ports, list) else []
            found.add((str(rule.get("protocol", "")).lower(), tuple(listed)))
    return found


def _same_rules(old: PropertyValue, new: PropertyValue) -> bool:
    return _rules(old) == _rules(new)


def _valid_rules(name: str, value: PropertyValue) -> str | None:
    for rule in value if isinstance(value, list) else []:
        if not isinstance(rule, dict) or rule.keys() - {"ports", "protocol"}:
            return f"Invalid or unknown key in {name}"
        ports = rule.get("ports", [])
        if not isinstance(ports, list) or not all(isinstance(port, str) for port in ports):
            return f"expected every port of {name} to be a string"
        if not isinstance(rule.get("protocol"), str):
            return 'Missing required argument. The argument "protocol" is required.'
    return None


class Firewall(GoogleResourceType):
    """A rule of a network; its id is ``projects/<project>/global/firewalls/<name>``."""

    token = "gcp:compute/firewall:Firewall"  # noqa: S105 - a type's name
    schema: ClassVar[Schema] = Schema(
        inputs=(
            Property("allows", "objects", upstream="allow", validators=(_valid_rules,), same=_same_rules),
            Property("description"),
            Property("direction", replaces=True, computed=True, validators=(only("INGRESS", "gcp"),)),
            Property(
                "name",
                replaces=True,
                autonamed=True,
                validators=(matching(r"(?:[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?)"),),
            ),
            Property("network", required=True, same=_same_network),
            Property("priority", "integer", default=1000, validators=(integer_between(0, 65535),)),
            PROJECT,
            Property("sourceRanges", "set"),
            Property("targetTags", "set"),
        ),
        outputs=("creationTimestamp", "deletionPolicy", "destinationRanges", "enableLogging", "selfLink"),
        not_implemented=frozenset(
            {
                "deletionPolicy",
                "denies",
                "destinationRanges",
                "disabled",
                "enableLogging",
                "logConfig",
                "params",
                "sourceServiceAccounts",
                "sourceTags",
                "targetServiceAccounts",
            }
        ),
    )

    @override
    def check_together(self, inputs: PropertyMap) -> Sequence[CheckFailure]:
        """Require that something is let in, from somewhere."""
        failures: list[CheckFailure] = []
        if not inputs.get("allows"):
            text = 'Invalid combination of arguments. "allow": one of `allow,deny` must be specified'
            failures.append(CheckFailure("allows", text))
        if inputs.get("sourceRanges") is None:
            text = "one of source_tags, source_ranges, or source_service_accounts must be defined"
            failures.append(CheckFailure("", text))
        return failures

    def make(self, inputs: PropertyMap) -> tuple[str, PropertyMap]:
        """Create the rule, and wait until it is in force."""
        project = self.project_of(inputs)
        with failing_as("Error creating Firewall"):
            self._request("POST", project, "", "Creating Firewall", self._body(inputs, project))
        return _FORM.format(project=project, name=inputs["name"]), {}

    @override
    def look(self, identifier: str, state: PropertyMap) -> PropertyMap | None:
        """Get the rule."""
        parts = parsed_id(identifier, _FORM)
        path = f"{_API}/{identifier}"
        found = self.google.get_if_there(_SERVICE, path, what=f'ComputeFirewall "{identifier}"')
        if found is None:
            return None
        rules = objects(found.get("allowed"))
        return {
            **parts,
            "allows": [
                {"ports": _texts(rule.get("ports")), "protocol": str(rule["IPProtocol"])} for rule in rules
            ],
            "creationTimestamp": str(found.get("creationTimestamp", "")),
            "deletionPolicy": "DELETE",
            "description": str(found.get("description", "")),
            "destinationRanges": _texts(found.get("destinationRanges")),
            "direction": str(found.get("direction", "")),
            "enableLogging": False,
            "network": str(found["network"]),
            "priority": int(str(found.get("priority", 1000))),
            "selfLink": str(found.get("selfLink", "")),
            "sourceRanges": _texts(found.get("sourceRanges")),
            "targetTags": _texts(found.get("targetTags")),
        }

    @override
    def change(self, identifier: str, state: PropertyMap, inputs: PropertyMap) -> None:
        """Patch the rule, and wait until it is in force."""
        parts = parsed_id(identifier, _FORM)
        body = self._body(inputs, parts["project"])
        with failing_as(f'Error updating Firewall "{identifier}"'):
            self._request("PATCH", parts["project"], f"/{parts['name']}", "Updating Firewall", body)

    @override
    def delete(self, resource: Resource, identifier: str, state: PropertyMap) -> None:
        """Delete the rule, and wait until it is gone."""
        parts = parsed_id(identifier, _FORM)
        try:
            self._request("DELETE", parts["project"], f"/{parts['name']}", "Deleting Firewall", None)
        except GoogleApiError as error:
            if error.status != http.client.NOT_FOUND:
                raise ProviderError(
                    one_error(f'Error when reading or editing "Firewall": {error}')
                ) from error

    def _request(self, method: Method, project: str, rule: str, doing: str, body: JsonObject | None) -> None:
        operation = self.google.request(
            method, _SERVICE, f"{_API}/projects/{project}/global/firewalls{rule}", body=body
        )
        path = f"{_API}/projects/{project}/global/operations/{operation.get('name')}"
        self.google.wait_for(_SERVICE, operation, path, doing=doing)

    def _body(self, inputs: PropertyMap, project: str) -> JsonObject:
        allows = inputs.get("allows")
        allowed: list[Json] = [
            {"IPProtocol": to_json(rule.get("protocol")), "ports": to_json(rule.get("ports", []))}
            for rule in (allows if isinstance(allows, list) else [])
            if isinstance(rule, dict)
        ]
        return {
            "allowed": allowed,
            "description": to_json(inputs.get("description", "")),
            "direction": to_json(inputs.get("direction", "INGRESS")),
            "name": to_json(inputs["name"]),
            "network": _network(inputs["network"], project),
            "priority": to_json(inputs["priority"]),
            "sourceRanges": to_json(inputs.get("sourceRanges", [])),
            "targetTags": to_json(inputs.get("targetTags", [])),
        }


def _texts(value: Json) -> list[PropertyValue]:
    return [str(item) for item in value] if isinstance(value, list) else []
