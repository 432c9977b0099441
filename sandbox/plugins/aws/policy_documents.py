"""IAM policy documents as properties, and when two of them mean the same.

Order and white space, a single value or a list of one, and the two ways to write an account's root do not
make a difference (the real plugin compares with github.com/hashicorp/awspolicyequivalence).
"""

import json
import re

from sandbox.plugins.bridged_schema import Property
from sandbox.plugins.json_values import Json
from sandbox.plugins.property_values import PropertyValue

_ACCOUNT_ROOT = re.compile(r"arn:[\w-]+:iam::(\d{12}):root")
_SETS = frozenset({"Action", "NotAction", "Resource", "NotResource"})
_PRINCIPALS = frozenset({"Principal", "NotPrincipal"})


def policy_property(name: str, *, required: bool = False, computed: bool = False) -> Property:
    """Declare a property that holds a policy."""
    return Property(name, required=required, computed=computed, validators=(is_policy,), same=equivalent)


def is_policy(name: str, value: PropertyValue) -> str | None:
    """Validate a policy: a JSON object, without leading white space, which IAM refuses, too."""
    if not isinstance(value, str) or not value.startswith("{"):
        return f"expected {name} to be a JSON object (an IAM policy begins with {{)"
    try:
        json.loads(value)
    except ValueError as error:
        return f"expected {name} to be valid JSON: {error}"
    return None


def equivalent(first: PropertyValue, second: PropertyValue) -> bool:
    """Compare two documents in JSON by what they mean; a text that is no JSON is equivalent to the same text
    only.
    """
    if first == second:
        return True
    if not isinstance(first, str) or not isinstance(second, str):
        return False
    try:
        return _canonical_document(json.loads(first)) == _canonical_document(json.loads(second))
    except ValueError:
        return False


def _canonical_document(document: Json) -> Json:
    if not isinstance(document, dict):
        return document
    statements = document.get("Statement")
    as_list = statements if isinstance(statements, list) else [statements]
    canonical: list[Json] = sorted((_canonical_statement(statement) for statement in as_list), key=_sort_key)
    return {**document, "Statement": canonical}


def _canonical_statement(statement: Json) -> Json:
    if not isinstance(statement, dict):
        return statement
    canonical: dict[str, Json] = {}
    for name, value in statement.items():
        if name in _SETS:
            canonical[name] = _canonical_set(value)
        elif name in _PRINCIPALS:
            canonical[name] = _canonical_principal(value)
        elif name == "Condition" and isinstance(value, dict):
            canonical[name] = {
                operator: {key: _canonical_set(values) for key, values in keys.items()}
                if isinstance(keys, dict)
                else keys
                for operator, keys in value.items()
            }
        else:
            canonical[name] = value
    return canonical


def _canonical_set(value: Json) -> Json:
    items = value if isinstance(value, list) else [value]
    texts = (json.dumps(item) if isinstance(item, bool | int | float) else item for item in items)
    return sorted(texts, key=_sort_key)


def _canonical_principal(value: Json) -> Json:
    if value == "*":
        return {"AWS": ["*"]}
    if not isinstance(value, dict):
        return value
    return {
        kind: _canonical_set([_account(item) for item in (items if isinstance(items, list) else [items])])
        for kind, items in value.items()
    }


def _account(principal: Json) -> Json:
    match = _ACCOUNT_ROOT.fullmatch(principal) if isinstance(principal, str) else None
    return match.group(1) if match else principal


def _sort_key(value: Json) -> str:
    return json.dumps(value, sort_keys=True)
