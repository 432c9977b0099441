"""The printed roles, against the requests of what the program creates and looks up with the same settings."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from pulumi.runtime import MockResourceArgs

from components.permissions.google import (
    Permission,
    destroy_permissions,
    preview_permissions,
    up_permissions,
)
from tests.unit.docs.google_requests import listed, shown
from tests.unit.fakes import mocked_account, mocked_google
from tests.unit.fakes.commands_on_path import only_commands
from tests.unit.fakes.recorded_deployment import Deployment, deploy
from tests.unit.fakes.stack_settings import GKE, parse

REQUESTS = listed()
ANY_CLUSTER: Mapping[str, Any] = {"project": "acme-prod", "kubeContext": "here"}
CUSTODY: Mapping[str, Any] = {
    "store": "gcp-secret-manager",
    "secret": "projects/acme-custody/secrets/vault-keys",
    "readers": ["user:somebody@example.com"],
}
REGIONAL = {**CUSTODY, "secret": "projects/acme-custody/locations/europe-west3/secrets/vault-keys"}
SNAPSHOTS: Mapping[str, Any] = {"schedule": "@hourly", "bucket": "acme-vault", "prefix": "prod/"}
Rights = set[tuple[str, str]]
"""Projects, and permissions in them."""


@pytest.fixture(autouse=True)
def commands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """kubectl and gcloud's plugin."""
    mocked_account.provide_commands(monkeypatch, tmp_path)
    only_commands(
        monkeypatch,
        tmp_path / "google-commands",
        **{"kubectl": "echo '{}'", "gke-gcloud-auth-plugin": "exit 0"},
    )


def deployed(settings: Mapping[str, Any]) -> Deployment:
    """The program with these settings, in a project that has the ring, so that everything is looked up."""

    def computed(args: MockResourceArgs) -> Mapping[str, Any]:
        return {**mocked_account.computed(args), **mocked_google.computed(args)}

    handed_on = {
        key: value if isinstance(value, str) else json.dumps(value) for key, value in settings.items()
    }
    answers = {**mocked_google.NOTHING_YET, mocked_google.GET_KEY_RINGS: mocked_google.RINGS}
    return deploy(handed_on, answers=answers, outputs=computed)


def needed(token: str, inputs: Mapping[str, Any], *steps: str) -> Iterator[tuple[str, str]]:
    """Yield what the requests of a resource or function need in these steps."""
    for step in steps:
        for request in REQUESTS.get((shown(token), step), ()):
            # A bucket's name doesn't tell its project; the role is printed for the stack's.
            named = re.findall(r"projects/([^/_]+)", json.dumps(inputs)) or [GKE["project"]]
            project = inputs.get("project") or named[0]
            yield from ((project, permission) for permission in request.permissions)


def rights_of(deployment: Deployment, settings: Mapping[str, Any]) -> Mapping[str, Rights]:
    """Return what the commands need, going by the table."""
    preview, changes, deletions = set[tuple[str, str]](), set[tuple[str, str]](), set[tuple[str, str]]()
    for call in deployment.calls:
        preview.update(needed(call.token, call.args, "look-up"))
    for entry in deployment.registrations:
        if entry.type.startswith("gcp:"):
            preview.update(needed(entry.type, entry.inputs, "read"))
            changes.update(needed(entry.type, entry.inputs, "create", "update"))
            if not (entry.protect or entry.retain_on_delete):
                deletions.update(needed(entry.type, entry.inputs, "delete"))
    if custody := settings.get("custody"):
        changes.update(needed("custody", {"secret": custody["secret"]}, "keys"))
    return {"preview": preview, "up": preview | changes, "destroy": deletions}


def rights(permissions: Sequence[Permission]) -> Rights:
    """Return what a printed role has."""
    return {(permission.project, permission.name) for permission in permissions}


@pytest.mark.parametrize(
    "settings",
    [
        GKE,
        {**GKE, "injector": {"enabled": False}},
        {**GKE, "enableApis": False},
        {**GKE, "key": {"retainOnDestroy": False}},
        {**GKE, "key": {"retainOnDestroy": False}, "protect": False},
        {**GKE, "identity": {"kind": "key-file"}},
        {**GKE, "identity": {"kind": "secret"}},
        {**GKE, "identity": {"keyReaderRole": "roles/cloudkms.viewer"}},
        {**GKE, "custody": CUSTODY},
        {**GKE, "custody": CUSTODY, "protect": False},
        {**GKE, "custody": {**CUSTODY, "readers": []}},
        {**GKE, "custody": REGIONAL},
        {**GKE, "seal": "shamir"},
        {**GKE, "snapshots": {**SNAPSHOTS, "createBucket": True}},
        {**GKE, "snapshots": SNAPSHOTS},
        {**GKE, "seal": "shamir", "snapshots": SNAPSHOTS},
        ANY_CLUSTER,
    ],
    ids=lambda settings: ",".join(f"{key}={value}" for key, value in settings.items() if key not in GKE),
)
def test_the_roles_have_what_the_stacks_requests_need_and_nothing_else(settings: Mapping[str, Any]) -> None:
    wanted = rights_of(deployed(settings), settings)
    parsed = parse(settings)
    assert rights(preview_permissions(parsed)) == wanted["preview"]
    assert rights(up_permissions(parsed)) == wanted["up"]
    assert rights(destroy_permissions(parsed)) == wanted["destroy"]
