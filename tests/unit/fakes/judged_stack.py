"""What the rules of the policy pack say of the program, deployed on Pulumi's mocks."""

from collections.abc import Mapping, Sequence
from typing import Any

from policy.guardrails.resource import Circumstances, Resource, ResourceRule, Rule, StackRule
from policy.guardrails.rules import RULES
from tests.unit.fakes.recorded_deployment import Deployment, Registration, Secret

PRODUCTION = "prod"


def plain(value: Any) -> Any:
    """The value as a policy sees it: what is secret in plain text."""
    if isinstance(value, Secret):
        return plain(value.value)
    if isinstance(value, Mapping):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [plain(entry) for entry in value]
    return value


def resource(registration: Registration) -> Resource:
    """The resource as the engine shows it to a policy."""
    return Resource(
        registration.type, registration.name, plain(dict(registration.inputs)), registration.protect
    )


def resources(deployment: Deployment) -> list[Resource]:
    """All resources of the program."""
    return [resource(registration) for registration in deployment.registrations]


def judged(
    found: Sequence[Resource], *, stack: str = PRODUCTION, options: Mapping[str, Any] | None = None
) -> dict[str, list[str]]:
    """What each rule reports, by its name; rules that report nothing are left out."""
    reports = {rule.name: _reports(rule, found, rule.circumstances(stack, options or {})) for rule in RULES}
    return {name: problems for name, problems in reports.items() if problems}


def _reports(rule: Rule, found: Sequence[Resource], circumstances: Circumstances) -> list[str]:
    if isinstance(rule, ResourceRule):
        return [problem for resource in found for problem in rule.judge(resource, circumstances)]
    assert isinstance(rule, StackRule)
    return list(rule.judge(found, circumstances))
