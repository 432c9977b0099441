"""The Google secret that the keys are kept in, as the engine is asked for it."""

from dataclasses import replace
from typing import Any

import pulumi
import pytest

from components.google.project import google_provider
from components.google.secret import GoogleKeyStore, GoogleKeyStoreArgs
from components.google.secret_name import SecretName
from tests.unit.fakes.mocked_google import (
    PROVIDER,
    REGIONAL_SECRET,
    REGIONAL_SECRET_MEMBER,
    SECRET,
    SECRET_MEMBER,
    computed,
)
from tests.unit.fakes.recorded_deployment import Deployment, deploy

COMPONENT = "vault-autounseal:gcp:KeyStore"
READERS = ("user:somebody@example.com", "serviceAccount:deployer@acme-prod.iam.gserviceaccount.com")
ROLES = ("roles/secretmanager.secretAccessor", "roles/secretmanager.secretVersionManager")
ARGS = GoogleKeyStoreArgs(
    secret=SecretName.of("projects/acme-custody/secrets/vault-keys"),
    readers=READERS,
    replicas=(),
    protect=True,
    labels={"app": "vault"},
    prerequisites=(),
)
REGIONAL = SecretName.of("projects/acme-custody/locations/europe-west3/secrets/vault-keys")


def made(args: GoogleKeyStoreArgs) -> Deployment:
    def program() -> None:
        options = pulumi.ResourceOptions(provider=google_provider("acme-prod"))
        pulumi.export("secret_name", GoogleKeyStore("key-store", args, options).secret_name)

    return deploy({}, answers={}, outputs=computed, program=program)


def test_a_secret_without_a_value() -> None:
    deployment = made(ARGS)
    secret = deployment.only(SECRET)
    assert secret.inputs == {
        "secretId": "vault-keys",
        "project": "acme-custody",
        "replication": {"auto": {}},
        "labels": {"app": "vault"},
        "deletionProtection": True,
    }
    assert secret.provider.startswith(deployment.only(PROVIDER).urn)
    assert deployment.outputs == {"secret_name": "projects/acme-custody/secrets/vault-keys"}
    assert deployment.component_outputs == {COMPONENT: deployment.outputs}


def grants(deployment: Deployment, type_: str) -> set[tuple[Any, ...]]:
    return {
        (entry.inputs["project"], entry.inputs["secretId"], entry.inputs["role"], entry.inputs["member"])
        for entry in deployment.of_type(type_)
    }


def test_each_reader_may_read_and_write_this_secret() -> None:
    deployment = made(ARGS)
    wanted = {("acme-custody", "vault-keys", role, reader) for role in ROLES for reader in READERS}
    assert grants(deployment, SECRET_MEMBER) == wanted
    assert len(deployment.of_type(SECRET_MEMBER)) == 4


def test_regions_of_the_settings() -> None:
    secret = made(replace(ARGS, replicas=("europe-west3", "europe-west4"))).only(SECRET)
    assert secret.inputs["replication"] == {
        "userManaged": {"replicas": [{"location": "europe-west3"}, {"location": "europe-west4"}]}
    }


def test_a_regional_secret() -> None:
    deployment = made(replace(ARGS, secret=REGIONAL))
    assert deployment.of_type(SECRET) == deployment.of_type(SECRET_MEMBER) == []
    assert deployment.only(REGIONAL_SECRET).inputs == {
        "secretId": "vault-keys",
        "project": "acme-custody",
        "location": "europe-west3",
        "labels": {"app": "vault"},
        "deletionProtection": True,
    }
    members = deployment.of_type(REGIONAL_SECRET_MEMBER)
    assert {entry.inputs["location"] for entry in members} == {"europe-west3"}
    assert grants(deployment, REGIONAL_SECRET_MEMBER) == {
        ("acme-custody", "vault-keys", role, reader) for role in ROLES for reader in READERS
    }


@pytest.mark.parametrize("protect", [True, False])
@pytest.mark.parametrize("secret", [ARGS.secret, REGIONAL])
def test_secret_is_protected_and_a_right_on_it_is_not(protect: bool, secret: SecretName) -> None:
    """The engine would refuse to take the right of a reader away who is no longer in the settings."""
    deployment = made(replace(ARGS, protect=protect, secret=secret))
    made_here = [entry for entry in deployment.registrations if entry.type.startswith("gcp:")]
    kept = {(entry.type, entry.protect, entry.retain_on_delete) for entry in made_here}
    kinds = (REGIONAL_SECRET, REGIONAL_SECRET_MEMBER) if secret.region else (SECRET, SECRET_MEMBER)
    assert kept == {(kinds[0], protect, protect), (kinds[1], False, False)}
    assert len(made_here) == 5
    assert {entry.parent for entry in made_here} == {deployment.only(COMPONENT).urn}


@pytest.mark.parametrize("secret", [ARGS.secret, REGIONAL])
@pytest.mark.parametrize("left", [READERS[:1], READERS[1:]])
def test_reader_who_is_removed_is_named_nowhere(secret: SecretName, left: tuple[str, ...]) -> None:
    (gone,) = set(READERS) - set(left)
    before = made(replace(ARGS, secret=secret))
    after = made(replace(ARGS, secret=secret, readers=left))
    removed = {entry.urn for entry in before.registrations} - {entry.urn for entry in after.registrations}
    of_reader = {entry.urn for entry in before.registrations if entry.inputs.get("member") == gone}
    assert removed == of_reader
    assert len(removed) == len(ROLES)
    assert not any(gone in str(entry.inputs) for entry in after.registrations)
