"""The values that the whole program gives the chart, with Pulumi's mocks in place of AWS."""

import json
from collections.abc import Mapping
from typing import Any

from components.aws.pod_trust import IrsaTrust
from tests.unit.fakes.mocked_account import ANSWERS, EKS, GET_OIDC_PROVIDER, ISSUER, RELEASE, up
from tests.unit.fakes.recorded_deployment import Answer, Secret
from tests.unit.fakes.stack_settings import handed_on
from tests.values_files import ROLE_ARN

_TRUST = IrsaTrust(ANSWERS[GET_OIDC_PROVIDER]["arn"], ISSUER, "vault", "vault").statement()
EXISTING: Mapping[str, Answer] = {
    "aws:kms/getKey:getKey": {
        "keySpec": "SYMMETRIC_DEFAULT",
        "keyUsage": "ENCRYPT_DECRYPT",
        "keyState": "Enabled",
    },
    "aws:iam/getRole:getRole": {
        "arn": ROLE_ARN,
        "path": "/platform/",
        "uniqueId": "AROAEXAMPLE",
        "assumeRolePolicy": json.dumps({"Version": "2012-10-17", "Statement": [_TRUST]}),
    },
}
"""A key and a role that a stack may name instead of creating its own."""


def released_values(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the values of the release of a stack on EKS, whose chart is in a registry that nobody asks."""
    chart = {"repository": "oci://registry.example.com/charts", **settings.get("chart", {})}
    stack = handed_on({**EKS, **settings, "chart": chart})
    values = _plain(up(stack, {**ANSWERS, **EXISTING}).only(RELEASE).inputs["values"])
    assert isinstance(values, dict)
    return values


def _plain(value: Any) -> Any:
    """Undo what the engine's protocol does: every number is a floating-point one there."""
    match value:
        case Secret():
            return _plain(value.value)
        case dict():
            return {name: _plain(inner) for name, inner in value.items()}
        case list():
            return [_plain(inner) for inner in value]
        case float() if value.is_integer():
            return int(value)
        case _:
            return value
