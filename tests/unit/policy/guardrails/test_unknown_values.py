"""A value that a preview doesn't have is no violation, and no reason to stop."""

import pytest

from policy.guardrails.resource import UNKNOWN, Resource, ResourceRule, Rule, StackRule, value_at
from policy.guardrails.rules import RULES
from policy.guardrails.types import AWS_KEY, AWS_ROLE, GOOGLE_KEY, INSTALLED_RELEASE, OPERATOR_INIT, RELEASE

NAMES = (
    *("assumeRolePolicy", "configuration", "custody", "deletionWindowInDays", "destroyScheduledDuration"),
    *("inlinePolicies", "managedPolicyArns", "policy", "replicas", "values", "version", "repositoryOpts"),
)


@pytest.mark.parametrize("type_", [AWS_KEY, AWS_ROLE, GOOGLE_KEY, INSTALLED_RELEASE, OPERATOR_INIT, RELEASE])
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_unknown_value_is_not_judged(rule: Rule, type_: str) -> None:
    resource = Resource(type_, "x", dict.fromkeys(NAMES, UNKNOWN), protected=True)
    if isinstance(rule, ResourceRule):
        assert list(rule.judge(resource, rule.circumstances("prod", {}))) == []
    elif isinstance(rule, StackRule) and rule.name == "unseal-key-kept":
        assert list(rule.judge([resource], rule.circumstances("prod", {}))) == []


def test_path_ends_where_a_value_is_unknown() -> None:
    assert value_at({"values": UNKNOWN}, "values", "server") is UNKNOWN
    assert value_at({"values": "text"}, "values", "server") is None
