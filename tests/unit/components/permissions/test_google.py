"""Who may run it on Google Cloud: the permissions of each command, and the role that is printed."""

from collections.abc import Mapping
from typing import Any

import pytest

from components.errors import DeploymentError
from components.google.cluster import CLUSTER_PERMISSIONS
from components.google.service_account import READER_PERMISSIONS
from components.permissions.google import (
    destroy_permissions,
    preview_permissions,
    up_permissions,
    vault_permissions,
)
from tests.unit.fakes.stack_settings import EKS, GKE, SHAMIR, parse

ANY_CLUSTER: Mapping[str, Any] = {"project": "acme-prod", "kubeContext": "here"}
CUSTODY = {
    "store": "gcp-secret-manager",
    "secret": "projects/acme-custody/secrets/vault-keys",
    "readers": ["user:somebody@example.com"],
}
WRITING = (
    "create",
    "update",
    "setIamPolicy",
    "delete",
    "destroy",
    "enable",
    "undelete",
    "add",
    "updatePolicy",
)


def names(permissions: Any, project: str = "acme-prod") -> set[str]:
    return {permission.name for permission in permissions if permission.project == project}


def test_a_preview_reads_and_nothing_else() -> None:
    permissions = preview_permissions(parse({**GKE, "custody": CUSTODY}))
    assert not [entry.name for entry in permissions if entry.name.rpartition(".")[2] in WRITING]
    assert {
        *CLUSTER_PERMISSIONS,
        "cloudkms.keyRings.list",
        "cloudkms.cryptoKeys.list",
        "iam.roles.list",
    } <= names(permissions)


def test_what_an_update_makes() -> None:
    settings = parse(GKE)
    permissions = up_permissions(settings)
    assert names(preview_permissions(settings)) < names(permissions)
    assert {
        *("cloudkms.keyRings.create", "cloudkms.cryptoKeys.create", "cloudkms.cryptoKeys.setIamPolicy"),
        *("iam.serviceAccounts.create", "iam.serviceAccounts.setIamPolicy", "iam.roles.create"),
        *("serviceusage.services.enable", "compute.firewalls.create", "compute.networks.updatePolicy"),
    } <= names(permissions)


def test_nobody_who_runs_it_may_use_the_key_or_act_as_the_account() -> None:
    for configuration in (GKE, ANY_CLUSTER, {**GKE, "custody": CUSTODY}):
        settings = parse(configuration)
        for permissions in (up_permissions(settings), destroy_permissions(settings)):
            used = {entry.name for entry in permissions}
            assert not {
                name for name in used if "useTo" in name or "actAs" in name or "getAccessToken" in name
            }
            assert "resourcemanager.projects.setIamPolicy" not in used


def test_what_is_not_made_needs_no_permission() -> None:
    key_file = names(up_permissions(parse(ANY_CLUSTER)))
    assert "iam.serviceAccountKeys.create" in key_file
    assert (
        not {*CLUSTER_PERMISSIONS, "compute.firewalls.create", "iam.serviceAccounts.setIamPolicy"} & key_file
    )
    given = names(up_permissions(parse({**GKE, "identity": {"kind": "secret"}})))
    assert not [name for name in given if name.startswith("iam.") or name.endswith("IamPolicy")]
    own_role = {**GKE, "identity": {"keyReaderRole": "roles/cloudkms.viewer"}}
    assert not [name for name in names(up_permissions(parse(own_role))) if name.startswith("iam.roles.")]
    off = names(up_permissions(parse({**GKE, "enableApis": False, "injector": {"enabled": False}})))
    assert not [
        name for name in off if name.startswith(("serviceusage.", "compute.firewalls", "compute.net"))
    ]


def test_a_secret_of_another_project() -> None:
    made = parse({**GKE, "custody": CUSTODY})
    assert {
        *("secretmanager.secrets.create", "secretmanager.secrets.setIamPolicy"),
        *("secretmanager.versions.add", "secretmanager.versions.access", "serviceusage.services.enable"),
    } <= names(up_permissions(made), "acme-custody")
    assert not [name for name in names(up_permissions(made)) if name.startswith("secretmanager.")]
    existing = parse({**GKE, "custody": {**CUSTODY, "readers": []}})
    assert names(up_permissions(existing), "acme-custody") == {
        f"secretmanager.versions.{right}" for right in ("add", "access", "list", "destroy")
    }


@pytest.mark.parametrize(
    ("settings", "name", "needed"),
    [
        ({}, "cloudkms.cryptoKeyVersions.destroy", False),
        ({"key": {"retainOnDestroy": False}}, "cloudkms.cryptoKeyVersions.destroy", False),
        (
            {"key": {"retainOnDestroy": False}, "protect": False},
            "cloudkms.cryptoKeyVersions.destroy",
            True,
        ),
        ({}, "iam.serviceAccounts.delete", True),
        ({}, "compute.firewalls.delete", True),
        ({"injector": {"enabled": False}}, "compute.firewalls.delete", False),
        ({"identity": {"kind": "key-file"}}, "iam.serviceAccountKeys.delete", True),
        ({"identity": {"kind": "secret"}}, "iam.serviceAccounts.delete", False),
    ],
)
def test_what_a_removal_deletes(settings: Mapping[str, Any], name: str, needed: bool) -> None:
    assert (name in names(destroy_permissions(parse({**GKE, **settings})))) == needed


@pytest.mark.parametrize("protect", [True, False])
def test_the_secret_of_a_protected_stack_stays(protect: bool) -> None:
    permissions = destroy_permissions(parse({**GKE, "custody": CUSTODY, "protect": protect}))
    assert ("secretmanager.secrets.delete" in names(permissions, "acme-custody")) != protect


def test_vaults_own_are_what_the_stack_grants() -> None:
    used = names(vault_permissions(parse(GKE)))
    # roles/cloudkms.cryptoKeyEncrypterDecrypter has these two, and resourcemanager.projects.get.
    use = {"cloudkms.cryptoKeyVersions.useToEncrypt", "cloudkms.cryptoKeyVersions.useToDecrypt"}
    assert used == use | set(READER_PERMISSIONS)


@pytest.mark.parametrize(
    ("configuration", "told"),
    [(EKS, "nothing of Google Cloud"), (SHAMIR, "nothing of Google Cloud")],
)
def test_a_stack_elsewhere(configuration: Mapping[str, Any], told: str) -> None:
    with pytest.raises(DeploymentError, match=told):
        preview_permissions(parse(configuration))


def test_a_seal_without_a_key_of_googles() -> None:
    with pytest.raises(DeploymentError, match="Seal shamir uses no key of Google Cloud KMS"):
        vault_permissions(parse({**GKE, "seal": "shamir"}))
