"""docs/permissions.md lists the actions that the printed policies have."""

import json
from collections.abc import Callable

import pytest

from components.kubernetes.lease import LEASE_RIGHTS
from components.permissions.aws import DOCUMENTS
from components.permissions.aws_arns import DeploymentScope, deployment_scope
from components.permissions.google import (
    destroy_permissions,
    preview_permissions,
    up_permissions,
    vault_permissions,
)
from tests.unit.docs.documents import code, tables
from tests.unit.fakes.stack_settings import EKS, GKE, parse

PAGE = "docs/permissions.md"
GOOGLE = {
    "preview": preview_permissions,
    "up": up_permissions,
    "destroy": destroy_permissions,
    "vault": vault_permissions,
}


def actions(policy: Callable[[DeploymentScope], str]) -> list[str]:
    """Return the actions that a policy allows on a stack with default settings."""
    scope = deployment_scope(parse(EKS), account_id="123456789012", key_id=None)
    statements = json.loads(policy(scope))["Statement"]
    return sorted({action for statement in statements for action in statement["Action"]})


def listed(kind: str) -> dict[str, list[str]]:
    """Return what the table lists, by the policy or role."""
    return {code(name)[0]: code(names) for name, names in tables(PAGE, kind)}


def test_the_page_names_every_document() -> None:
    assert {code(name)[0] for name, _ in tables(PAGE, "Policy")} == DOCUMENTS.keys()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_page_lists_the_actions_of_a_policy(name: str) -> None:
    of_preview = set(actions(DOCUMENTS["preview"])) if name == "up" else set()
    assert listed("AWS policy")[name] == sorted(set(actions(DOCUMENTS[name])) - of_preview)


@pytest.mark.parametrize("name", GOOGLE)
def test_the_page_lists_the_permissions_of_a_role(name: str) -> None:
    settings = parse(GKE)
    of_preview = {entry.name for entry in preview_permissions(settings)} if name == "up" else set()
    wanted = sorted({entry.name for entry in GOOGLE[name](settings)} - of_preview)
    assert listed("Google role")[name] == wanted


def test_the_page_lists_the_rights_on_leases_that_the_message_names() -> None:
    rights = {right for right, _ in tables(PAGE, "Right")}
    (listed_rights,) = [right for right in rights if right.startswith("`leases`")]
    assert listed_rights == f"`leases` (`coordination.k8s.io`): {', '.join(LEASE_RIGHTS)}"
