"""Judges rights: nobody has more than what is named."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from .google_rights import wide_on_google
from .resource import Circumstances, Resource, ResourceRule, Rule, Unknown, entries
from .statements import (
    UnreadableDocumentError,
    allowing_statements,
    loose_trust,
    open_principals,
    wide_actions,
    wide_resources,
)
from .types import AWS_KEY, AWS_ROLE

_Judge = Callable[[Mapping[str, Any]], Iterator[str]]

_OF_IDENTITIES = (
    "aws:iam/policy:Policy",
    "aws:iam/rolePolicy:RolePolicy",
    "aws:iam/userPolicy:UserPolicy",
    "aws:iam/groupPolicy:GroupPolicy",
)
_OF_RESOURCES = (
    AWS_KEY,
    "aws:kms/keyPolicy:KeyPolicy",
    "aws:s3/bucketPolicy:BucketPolicy",
    "aws:s3/bucketPolicyV2:BucketPolicyV2",
    "aws:secretsmanager/secretPolicy:SecretPolicy",
)
_ATTACHMENTS = (
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    "aws:iam/userPolicyAttachment:UserPolicyAttachment",
    "aws:iam/groupPolicyAttachment:GroupPolicyAttachment",
    "aws:iam/policyAttachment:PolicyAttachment",
)
_KUBERNETES = "kubernetes:rbac.authorization.k8s.io/"


def wide_rights(resource: Resource, _circumstances: Circumstances) -> Sequence[str]:
    """Return which rights of a resource are wider than what is named."""
    if resource.type.startswith("aws:"):
        return list(_on_aws(resource))
    if resource.type.startswith("gcp:"):
        return list(wide_on_google(resource))
    if resource.type.startswith(_KUBERNETES):
        return list(_on_kubernetes(resource))
    return ()


def _on_aws(resource: Resource) -> Iterator[str]:
    if resource.type in _OF_IDENTITIES:
        yield from _document(resource.value("policy"), wide_actions, wide_resources)
    if resource.type in _OF_RESOURCES:
        if resource.type == AWS_KEY and resource.value("policy") is None:
            yield "has no key policy, and AWS's own allows every action to whoever has it in the account"
        yield from _document(resource.value("policy"), wide_actions, open_principals)
    if resource.type == AWS_ROLE:
        yield from _document(resource.value("assumeRolePolicy"), loose_trust)
        for inline in entries(resource.value("inlinePolicies")):
            policy = inline.get("policy") if isinstance(inline, Mapping) else None
            yield from _document(policy, wide_actions, wide_resources)
        if any(_is_of_aws(arn) for arn in entries(resource.value("managedPolicyArns"))):
            yield "has a policy of AWS's own, which is for all resources"
    if resource.type in _ATTACHMENTS and _is_of_aws(resource.value("policyArn")):
        yield "attaches a policy of AWS's own, which is for all resources"


def _document(document: Any, *judges: _Judge) -> Iterator[str]:
    if document is None or isinstance(document, Unknown):
        return
    try:
        for number, statement in allowing_statements(document):
            for problem in chain.from_iterable(judge(statement) for judge in judges):
                yield f"statement {number} of its policy {problem}"
    except UnreadableDocumentError as error:
        yield f"its policy can't be read: {error}"


def _is_of_aws(arn: Any) -> bool:
    parts = str(arn).split(":")
    return len(parts) > 4 and parts[2] == "iam" and parts[4] == "aws"


def _on_kubernetes(resource: Resource) -> Iterator[str]:
    for number, rule in enumerate(entries(resource.value("rules")), start=1):
        fields = ("apiGroups", "resources", "verbs", "nonResourceURLs")
        granted = [value for field in fields for value in entries(rule.get(field))]
        if any("*" in str(value) for value in granted):
            yield f"rule {number} grants by a wildcard"
    if resource.value("roleRef", "name") == "cluster-admin":
        yield "binds cluster-admin"


RULES: Sequence[Rule] = (
    ResourceRule(
        "no-wide-rights",
        "Rights are for named actions, resources and principals.",
        "If the statement is the program's own, report it as a defect; otherwise name what is needed.",
        judge=wide_rights,
    ),
)
