"""Settings of the injector and of its webhook."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.unit.fakes.stack_settings import PROJECT, SHAMIR, parse, problems


@pytest.mark.parametrize(
    ("key", "value", "attribute"),
    [
        ("enabled", False, "enabled"),
        ("port", 9443, "port"),
        ("hostNetwork", True, "host_network"),
        ("verify", False, "verify"),
        ("replicas", 2, "replicas"),
        ("failurePolicy", "Fail", "failure_policy"),
    ],
)
def test_setting_is_taken_over(key: str, value: Any, attribute: str) -> None:
    injector = parse({**SHAMIR, "injector": {key: value}}).injector
    assert getattr(injector, attribute) == value
    assert getattr(parse(SHAMIR).injector, attribute) != value


@pytest.mark.parametrize(
    ("key", "attribute"),
    [("namespaceSelector", "namespace_selector"), ("objectSelector", "object_selector")],
)
@pytest.mark.parametrize(
    "selector",
    [
        {},
        {"matchLabels": {"vault-injection": "enabled"}},
        {"matchExpressions": [{"key": "env", "operator": "In", "values": ["prod", "stage"]}]},
        {
            "matchLabels": {"a": "b"},
            "matchExpressions": [{"key": "example.com/no", "operator": "DoesNotExist"}],
        },
    ],
)
def test_selector_is_taken_over_as_it_is(key: str, attribute: str, selector: Mapping[str, Any]) -> None:
    assert getattr(parse({**SHAMIR, "injector": {key: selector}}).injector, attribute) == selector


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("enabled", "off", "use true or false"),
        ("port", 443, "use 1024 to 65535"),
        ("replicas", 0, "use 1 to 9"),
        ("failurePolicy", "fail", "use Ignore or Fail"),
        ("namespaceSelector", "all", "give an object"),
        ("namespaceSelector", {"vault-injection": "enabled"}, "there is no such setting"),
        ("namespaceSelector", {"matchLabels": {"a": "b c"}}, "a label's value has at most 63"),
        ("objectSelector", {"matchExpressions": {"key": "a"}}, "give a list of objects {key, operator"),
        ("objectSelector", {"matchExpressions": [{"operator": "Exists"}]}, "give a label's name"),
    ],
)
def test_wrong_value_is_told(key: str, value: Any, problem: str) -> None:
    (found,) = problems({**SHAMIR, "injector": {key: value}})
    assert found.startswith(f"{PROJECT}:injector.{key}")
    assert problem in found


@pytest.mark.parametrize(
    ("requirement", "problem"),
    [
        ({"operator": "in", "values": ["b"]}, "use In, NotIn, Exists or DoesNotExist"),
        ({"operator": "In"}, "operator In needs a list of a label's values"),
        ({"operator": "NotIn", "values": []}, "operator NotIn needs a list of a label's values"),
        ({"operator": "In", "values": ["b c"]}, "operator In needs a list of a label's values"),
        ({"operator": "Exists", "values": ["b"]}, "operator Exists takes no values; remove them"),
        ({"operator": "Exists", "value": "b"}, "there is no such setting; did you mean values?"),
    ],
)
def test_requirement_that_the_cluster_would_refuse(requirement: Mapping[str, Any], problem: str) -> None:
    selector = {"matchExpressions": [{"key": "a", **requirement}]}
    (found,) = problems({**SHAMIR, "injector": {"namespaceSelector": selector}})
    assert found.startswith(f"{PROJECT}:injector.namespaceSelector.matchExpressions[0].")
    assert problem in found
