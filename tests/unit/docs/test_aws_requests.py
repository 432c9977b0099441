"""The IAM policies have what docs/permissions.md says that the resources ask AWS for, no less and no more."""

from collections.abc import Mapping, Set

import pytest

from components.permissions.aws import DOCUMENTS
from components.permissions.aws_arns import DeploymentScope
from tests.unit.aws_actions import SERVICES
from tests.unit.docs.aws_requests import aws_requests
from tests.unit.fakes.aws_deployments import (
    CUSTODY,
    EXISTING,
    IN_SECRET,
    KEY_ID,
    SECRET_KEY_ID,
    WITH_SNAPSHOTS,
    actions,
    scope,
)
from tests.unit.fakes.stack_settings import EKS

ROWS = aws_requests().values()
READ = {action for row in ROWS for action in row.read}
WRITTEN = {action for row in ROWS for action in (*row.created, *row.changed, *row.asked_for)}
DELETED = {action for row in ROWS for action in row.deleted}

SETTINGS = (
    {**EXISTING, "custody": CUSTODY, "protect": False},
    {**IN_SECRET, "protect": False, "key": {"retainOnDestroy": False}},
    {**WITH_SNAPSHOTS, "identity": {"kind": "pod-identity"}},
    {**EKS, "protect": False, "key": {"retainOnDestroy": False, "rotation": False}, "custody": CUSTODY},
)
"""Settings that have every resource and every look-up, and between them every change of it."""
FIRST = [scope(settings) for settings in SETTINGS]
DEPLOYED = [
    scope(settings, None if settings is SETTINGS[0] else KEY_ID, SECRET_KEY_ID) for settings in SETTINGS
]

DEPENDENT_ACTIONS: Mapping[str, Set[str]] = {
    f"{prefix}:{privilege['privilege']}": {
        action for kind in privilege["resource_types"] for action in kind["dependent_actions"]
    }
    for prefix, service in SERVICES.items()
    for privilege in service["privileges"]
}


@pytest.mark.parametrize(
    ("name", "scopes", "listed"),
    [
        ("preview", [*FIRST, *DEPLOYED], READ),
        ("up", [*FIRST, *DEPLOYED], READ | WRITTEN),
        ("destroy", DEPLOYED, DELETED),
    ],
)
def test_policies_have_what_the_resources_ask_for(
    name: str, scopes: list[DeploymentScope], listed: set[str]
) -> None:
    allowed = {action for each in scopes for action in actions(DOCUMENTS[name](each))}
    assert sorted(allowed) == sorted(listed)


def test_policies_have_what_their_actions_depend_on() -> None:
    """With tags, without which AWS doesn't ask for the right to set them; no key is in a custom key store.

    Source: the Service Authorization Reference, "Dependent actions".
    """
    allowed = actions(DOCUMENTS["up"](FIRST[1]))
    needed = {action for each in allowed for action in DEPENDENT_ACTIONS[each]}
    assert needed >= {"kms:PutKeyPolicy", "kms:TagResource", "ec2:CreateTags"}
    assert needed - allowed == {"iam:CreateServiceLinkedRole"}
