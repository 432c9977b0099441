import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from joserfc import jwt
from werkzeug.test import Client, TestResponse

from sandbox.google.cloud import GoogleCloud
from sandbox.google.metadata_server import MetadataServer, UnknownPodError, Workload
from sandbox.google.project import SERVICE_ACCOUNT_ISSUER, WORKLOAD_POOL, member_of_workload
from tests.unit.sandbox.google.google_clock import CLUSTER_KEY, PROJECT

ROOT = "/computeMetadata/v1/"
FLAVOR = {"Metadata-Flavor": "Google"}
POD = "10.244.0.7"


@dataclass
class FixedWorkloads:
    """The pods of a cluster, by address."""

    pods: dict[str, Workload] = field(default_factory=dict)

    def at(self, address: str) -> Workload:
        if address not in self.pods:
            raise UnknownPodError(f"0 pods have the address {address}")
        return self.pods[address]

    def token(self, workload: Workload, audience: str) -> str:
        claims: dict[str, Any] = {
            "iss": SERVICE_ACCOUNT_ISSUER,
            "aud": [audience],
            "sub": f"system:serviceaccount:{workload.namespace}:{workload.service_account}",
            "exp": 4102444800,
        }
        return jwt.encode({"alg": "RS256"}, claims, CLUSTER_KEY)


@pytest.fixture
def cloud() -> GoogleCloud:
    return GoogleCloud(CLUSTER_KEY)


@pytest.fixture
def email(cloud: GoogleCloud) -> str:
    return cloud.accounts.create("sandbox-project", "vault-unseal", "", "").email


def ask(
    cloud: GoogleCloud,
    path: str,
    *,
    google_account: str = "",
    headers: Mapping[str, str] = FLAVOR,
    address: str = POD,
) -> TestResponse:
    server = MetadataServer(cloud, FixedWorkloads({POD: Workload("vault", "vault", google_account)}))
    return Client(server).get(path, headers=dict(headers), environ_overrides={"REMOTE_ADDR": address})


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("project/project-id", "sandbox-project"),
        ("project/numeric-project-id", "481516234200"),
        ("universe/universe-domain", "googleapis.com"),
        ("instance/service-accounts/default/email", WORKLOAD_POOL),
    ],
)
def test_facts_that_googles_libraries_ask_for(cloud: GoogleCloud, path: str, answer: str) -> None:
    response = ask(cloud, ROOT + path)
    assert (response.status_code, response.text) == (200, answer)
    assert response.headers["Metadata-Flavor"] == "Google"


def test_the_libraries_find_out_that_it_is_there(cloud: GoogleCloud) -> None:
    response = ask(cloud, "/", headers={})
    assert (response.status_code, response.headers["Metadata-Flavor"]) == (200, "Google")


@pytest.mark.parametrize("headers", [{}, {**FLAVOR, "X-Forwarded-For": "10.0.0.1"}])
def test_nothing_is_told_to_who_may_have_been_led_here(
    cloud: GoogleCloud, headers: Mapping[str, str]
) -> None:
    response = ask(cloud, f"{ROOT}instance/service-accounts/default/token", headers=headers)
    assert response.status_code == 403


def test_an_annotated_account_is_impersonated(cloud: GoogleCloud, email: str) -> None:
    cloud.policies.grant(
        f"{PROJECT}/serviceAccounts/{email}",
        "roles/iam.workloadIdentityUser",
        member_of_workload("vault", "vault"),
    )
    path = f"{ROOT}instance/service-accounts/default/token"
    answer = json.loads(ask(cloud, path, google_account=email).data)
    assert answer["token_type"] == "Bearer"
    caller = cloud.callers.authenticate(f"Bearer {answer['access_token']}", "cloudkms.googleapis.com")
    assert caller.member == f"serviceAccount:{email}"
    described = ask(cloud, f"{ROOT}instance/service-accounts/default/?recursive=true", google_account=email)
    assert json.loads(described.data)["email"] == email


def test_without_the_binding_the_answer_is_googles(cloud: GoogleCloud, email: str) -> None:
    response = ask(cloud, f"{ROOT}instance/service-accounts/default/token", google_account=email)
    assert response.status_code == 403
    assert (
        "IAM returned 403 Forbidden: Permission 'iam.serviceAccounts.getAccessToken' denied" in response.text
    )


def test_an_account_that_does_not_exist(cloud: GoogleCloud) -> None:
    path = f"{ROOT}instance/service-accounts/default/token"
    response = ask(cloud, path, google_account="nobody@example.com")
    assert (response.status_code, "IAM returned 404 Not Found" in response.text) == (404, True)


def test_without_annotation_the_workload_is_the_identity(cloud: GoogleCloud) -> None:
    answer = json.loads(ask(cloud, f"{ROOT}instance/service-accounts/default/token").data)
    caller = cloud.callers.authenticate(f"Bearer {answer['access_token']}", "cloudkms.googleapis.com")
    assert caller.member == member_of_workload("vault", "vault")


def test_who_is_no_pod_gets_no_token(cloud: GoogleCloud) -> None:
    path = f"{ROOT}instance/service-accounts/default/token"
    response = ask(cloud, path, address="10.244.0.8")
    assert (response.status_code, "access_token" in response.text) == (500, False)


@pytest.mark.parametrize(
    "path",
    [
        "instance/service-accounts/other@example.com/token",
        "instance/disks/",
        "instance/service-accounts/default/x",
    ],
)
def test_there_is_nothing_else(cloud: GoogleCloud, path: str) -> None:
    assert ask(cloud, ROOT + path).status_code == 404


def test_identity_tokens_are_refused(cloud: GoogleCloud) -> None:
    path = f"{ROOT}instance/service-accounts/default/identity?audience=x"
    assert ask(cloud, path).status_code == 501
