"""Vault's service account on Google and its rights, as the engine is asked for them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import pytest

from components.errors import DeploymentError
from components.google.project import google_provider
from components.google.service_account import GoogleIdentity, GoogleIdentityArgs, reader_role_exists
from components.google.settings import IdentitySettings
from tests.unit.fakes.mocked_google import (
    ACCOUNT,
    ACCOUNT_KEY,
    ACCOUNT_MEMBER,
    CUSTOM_ROLE,
    EMAIL,
    GET_ROLES,
    IDENTITY_COMPONENT,
    KEY_ID,
    KEY_MEMBER,
    KUBERNETES_SECRET,
    MEMBER,
    PRIVATE_KEY,
    PROJECT,
    READER_ROLE,
    WORKLOAD_POOL,
    api_off,
    computed,
)
from tests.unit.fakes.recorded_deployment import NOT_FOUND, Answer, Deployment, Secret, deploy

IDENTITY = IdentitySettings(
    token_audience=None,
    kind="workload-identity",
    service_account="vault-auto-unseal",
    key_reader_role=None,
    secret="gcp-kms-sa",
    key_rotation="1",
    previous_key_rotation=None,
)
KEY_FILE = replace(IDENTITY, kind="key-file")


def made(identity: IdentitySettings = IDENTITY, **changed: Any) -> Deployment:
    def program() -> None:
        provider = kubernetes.Provider("kubernetes")
        args: Mapping[str, Any] = {
            "identity": identity,
            "project": PROJECT,
            "reader_role_exists": False,
            "key_id": KEY_ID,
            "workload_pool": WORKLOAD_POOL,
            "namespace": pulumi.Output.from_input("vault"),
            "kubernetes_member": "vault/vault",
            "kubernetes": provider,
            "prerequisites": (),
            **changed,
        }
        options = pulumi.ResourceOptions(provider=google_provider(PROJECT))
        result = GoogleIdentity("vault-identity", GoogleIdentityArgs(**args), options)
        pulumi.export("email", result.email)
        pulumi.export("key_reader_role", result.key_reader_role)
        pulumi.export("credentials_secret", result.credentials_secret)
        pulumi.export("credentials_key", result.credentials_key)

    return deploy({}, answers={}, outputs=computed, program=program)


def test_two_rights_on_the_key_and_none_on_the_project() -> None:
    deployment = made()
    assert deployment.only(ACCOUNT).inputs["accountId"] == "vault-auto-unseal"
    on_key = {"cryptoKeyId": KEY_ID, "member": MEMBER}
    assert {entry.name: entry.inputs for entry in deployment.of_type(KEY_MEMBER)} == {
        "vault-identity-use": {**on_key, "role": "roles/cloudkms.cryptoKeyEncrypterDecrypter"},
        "vault-identity-read": {**on_key, "role": READER_ROLE},
    }
    grants = [entry.type for entry in deployment.registrations if "iam" in entry.type.lower()]
    assert sorted(grants) == sorted([KEY_MEMBER, KEY_MEMBER, CUSTOM_ROLE, ACCOUNT_MEMBER])


def test_a_role_with_the_one_permission() -> None:
    role = made().only(CUSTOM_ROLE)
    assert role.inputs["permissions"] == ["cloudkms.cryptoKeys.get"]
    assert (role.inputs["roleId"], role.inputs["project"]) == ("vaultAutoUnsealKeyReader", PROJECT)
    assert role.retain_on_delete
    assert role.import_id == ""


def test_the_role_of_an_earlier_stack_is_taken_over() -> None:
    assert made(reader_role_exists=True).only(CUSTOM_ROLE).import_id == READER_ROLE


def test_a_given_role_takes_its_place() -> None:
    deployment = made(replace(IDENTITY, key_reader_role="roles/cloudkms.viewer"))
    assert deployment.of_type(CUSTOM_ROLE) == []
    roles = {entry.name: entry.inputs["role"] for entry in deployment.of_type(KEY_MEMBER)}
    assert roles["vault-identity-read"] == "roles/cloudkms.viewer"
    assert deployment.outputs["key_reader_role"] == "roles/cloudkms.viewer"


def test_gke_vouches_for_one_service_account() -> None:
    deployment = made()
    grant = deployment.only(ACCOUNT_MEMBER)
    assert grant.inputs == {
        "serviceAccountId": f"projects/{PROJECT}/serviceAccounts/{EMAIL}",
        "role": "roles/iam.workloadIdentityUser",
        "member": f"serviceAccount:{WORKLOAD_POOL}[vault/vault]",
    }
    assert deployment.of_type(ACCOUNT_KEY) == deployment.of_type(KUBERNETES_SECRET) == []
    assert deployment.outputs == {"email": EMAIL, "key_reader_role": READER_ROLE}
    assert deployment.component_outputs == {IDENTITY_COMPONENT: deployment.outputs}


def test_a_key_file_in_a_secret() -> None:
    deployment = made(KEY_FILE)
    assert deployment.of_type(ACCOUNT_MEMBER) == []
    account_key, secret = deployment.only(ACCOUNT_KEY), deployment.only(KUBERNETES_SECRET)
    assert account_key.inputs["serviceAccountId"] == f"projects/{PROJECT}/serviceAccounts/{EMAIL}"
    assert account_key.additional_secret_outputs == {"privateKey"}
    assert secret.inputs["metadata"] == {"name": "gcp-kms-sa", "namespace": "vault"}
    # As the API gives it: base64, and never in plain text.
    assert secret.inputs["data"] == {"credentials.json": Secret(PRIVATE_KEY)} or secret.inputs[
        "data"
    ] == Secret({"credentials.json": PRIVATE_KEY})
    assert secret.provider.startswith(deployment.only("pulumi:providers:kubernetes").urn)
    assert deployment.outputs["credentials_secret"] == "gcp-kms-sa"
    assert deployment.outputs["credentials_key"] == "id-of-vault-identity-1"


def test_rotation_makes_another_key() -> None:
    first, second = made(KEY_FILE), made(replace(KEY_FILE, key_rotation="2"))
    assert first.only(ACCOUNT_KEY).urn != second.only(ACCOUNT_KEY).urn
    assert second.only(ACCOUNT_KEY).inputs["keepers"] == {"rotation": "2"}
    assert second.outputs["credentials_key"] == "id-of-vault-identity-2"


def test_rotation_may_leave_the_previous_key_to_running_pods() -> None:
    before = made(KEY_FILE).only(ACCOUNT_KEY)
    deployment = made(replace(KEY_FILE, key_rotation="2", previous_key_rotation="1"))
    by_urn = {entry.urn: entry for entry in deployment.of_type(ACCOUNT_KEY)}
    assert len(by_urn) == 2
    assert by_urn[before.urn].inputs == before.inputs
    assert deployment.outputs["credentials_key"] == "id-of-vault-identity-2"


def test_everything_is_under_the_component_and_waits_for_the_apis() -> None:
    deployment = made(KEY_FILE)
    component = deployment.only(IDENTITY_COMPONENT).urn
    types = (ACCOUNT, CUSTOM_ROLE, ACCOUNT_KEY, KUBERNETES_SECRET)
    assert {deployment.only(type_).parent for type_ in types} == {component}


def role_is_found(answer: Answer, identity: IdentitySettings = IDENTITY, *, enabled: bool = True) -> bool:
    results = []
    deploy(
        {},
        answers={GET_ROLES: answer},
        outputs=computed,
        program=lambda: results.append(
            reader_role_exists(identity, project=PROJECT, api_gets_enabled=enabled)
        ),
    )
    return bool(results[0])


def test_whether_the_role_is_there() -> None:
    assert role_is_found({"roles": [{"name": READER_ROLE}, {"name": f"{READER_ROLE}2"}]})
    assert not role_is_found({"roles": [{"name": f"{READER_ROLE}2"}]})
    assert not role_is_found(api_off("iam.googleapis.com"))


def test_a_given_role_is_not_looked_for() -> None:
    assert not role_is_found(NOT_FOUND, replace(IDENTITY, key_reader_role="roles/cloudkms.viewer"))


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (NOT_FOUND, r"custom roles of project acme-prod can't be listed(.|\n)*iam\.roles\.list"),
        (api_off("iam.googleapis.com"), r"the API iam\.googleapis\.com is off"),
    ],
)
def test_roles_that_can_not_be_listed(answer: Answer, told: str) -> None:
    with pytest.raises(DeploymentError, match=told):
        role_is_found(answer, enabled=False)
