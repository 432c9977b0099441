"""Offers the rules to Pulumi's engine as a policy pack: the one module that imports Pulumi's SDKs.

Each rule runs on plain data. Nothing that it raises reaches the engine, as an exception may carry a value.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pulumi
from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyConfigSchema,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

from .resource import UNKNOWN, Resource, ResourceRule, Rule, StackRule
from .rules import RULES

NAME = "vault-autounseal"


def offer() -> None:
    """Serve the rules to the engine until it ends the process."""
    PolicyPack(NAME, [policy(rule) for rule in RULES], enforcement_level=EnforcementLevel.ADVISORY)


def policy(rule: Rule) -> Policy:
    """Return the rule as the engine's kind of policy."""
    schema = PolicyConfigSchema({name: dict(option) for name, option in rule.options.items()})
    if isinstance(rule, ResourceRule):
        return ResourceValidationPolicy(
            rule.name, rule.description, _of_resource(rule), config_schema=schema if rule.options else None
        )
    if isinstance(rule, StackRule):
        return StackValidationPolicy(
            rule.name, rule.description, _of_stack(rule), config_schema=schema if rule.options else None
        )
    raise TypeError(f"{rule.name} is neither a rule on a resource nor one on a stack")


def plain(value: Any) -> Any:
    """Return the value as plain maps and lists, with UNKNOWN for what a preview doesn't know."""
    if isinstance(value, Mapping):
        return {key: _entry(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_entry(value, position) for position in range(len(value))]
    return value


def _entry(container: Any, key: Any) -> Any:
    try:
        value = container[key]
    except UnknownValueError:
        return UNKNOWN
    return plain(value)


def _of_resource(rule: ResourceRule) -> Callable[[ResourceValidationArgs, ReportViolation], None]:
    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        def judge() -> Iterable[str]:
            circumstances = rule.circumstances(pulumi.get_stack(), plain(args.get_config()))
            resource = Resource(args.resource_type, args.name, plain(args.props), bool(args.opts.protect))
            return rule.judge(resource, circumstances)

        _report(rule, judge, report)

    return validate


def _of_stack(rule: StackRule) -> Callable[[StackValidationArgs, ReportViolation], None]:
    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        def judge() -> Iterable[str]:
            circumstances = rule.circumstances(pulumi.get_stack(), plain(args.get_config()))
            resources = [
                Resource(found.resource_type, found.name, plain(found.props), bool(found.opts.protect))
                for found in args.resources
            ]
            return rule.judge(resources, circumstances)

        _report(rule, judge, report)

    return validate


def _report(rule: Rule, judge: Callable[[], Iterable[str]], report: ReportViolation) -> None:
    try:
        problems = list(judge())
    # Whatever it is: its message, and the traceback that the engine would print, may have a secret in them.
    except Exception as error:
        problems = [f"the rule can't judge this: it ended with {type(error).__name__}"]
    for problem in problems:
        report(f"{problem}. {rule.fix}", None)
