"""Which resources of a stack are in Google Cloud: what counts as granted, as missing, and as an error."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from google.auth.exceptions import DefaultCredentialsError, RefreshError, TransportError
from requests import ConnectTimeout, Response
from requests.exceptions import InvalidHeader

from components.errors import DeploymentError
from components.google import existing_resources
from components.google.existing_resources import ExistingGoogleResources
from components.planned_resource import UNKNOWN, Plan, PlannedResource
from components.resource_types import GOOGLE_ACCOUNT as ACCOUNT

SERVICE, MEMBER = "gcp:projects/service:Service", "gcp:serviceaccount/iAMMember:IAMMember"
KEY_MEMBER = "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember"
FIREWALL = "gcp:compute/firewall:Firewall"
REGIONAL_SECRET = "gcp:secretmanager/regionalSecret:RegionalSecret"
SECRET_MEMBER = "gcp:secretmanager/secretIamMember:SecretIamMember"
EMAIL = "vault@acme.iam.gserviceaccount.com"
KEY = "projects/acme/locations/global/keyRings/vault/cryptoKeys/unseal"
ROLE = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
POOL = "serviceAccount:acme.svc.id.goog[vault/vault]"
ADA = "user:ada@example.com"


def planned(resource_type: str, **inputs: Any) -> PlannedResource:
    return PlannedResource(f"urn::{resource_type}", resource_type, "component", inputs)


RESOURCES = (
    planned(SERVICE, project="acme", service="cloudkms.googleapis.com"),
    planned(ACCOUNT, project="acme", accountId="vault"),
    # Who has the role is only known once the account exists.
    planned(KEY_MEMBER, cryptoKeyId=KEY, role=ROLE, member=UNKNOWN),
    planned(MEMBER, serviceAccountId=UNKNOWN, role="roles/user", member=POOL),
    planned(FIREWALL, project="acme", name="webhook"),
    planned(REGIONAL_SECRET, project="acme", location="europe-west3", secretId="keys"),
)
GRANT = planned(SECRET_MEMBER, project="acme", secretId="keys", role="roles/reader", member=ADA)
ENABLED = {"services": [{"name": "projects/1/services/cloudkms.googleapis.com"}]}


def policy(role: str, member: str, **more: Any) -> Mapping[str, Any]:
    return {"bindings": [{"role": role, "members": [member], **more}]}


@dataclass
class Google:
    """Answers by the end of the URL; what it has no answer for doesn't exist."""

    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    identity: tuple[tuple[str, ...], str | None] = ((), None)
    """Whom it takes the caller for, and which project pays."""

    def request(self, method: str, url: str, **arguments: Any) -> Response:
        path = url.removeprefix("https://")
        self.asked.append((method, path))
        token = (arguments.get("params") or {}).get("pageToken", "")
        answer = self.answers.get(path + token, 404)
        if isinstance(answer, Exception):
            raise answer
        response = Response()
        response.status_code = 200 if isinstance(answer, dict) else answer if isinstance(answer, int) else 403
        response._content = json.dumps(answer).encode()
        return response


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Google:
    found = Google()

    def session(impersonated: tuple[str, ...], quota_project: str | None) -> Google:
        found.identity = impersonated, quota_project
        return found

    monkeypatch.setattr(existing_resources, "deployer_session", session)
    return found


def found(*resources: PlannedResource) -> dict[str, str | None]:
    existing = ExistingGoogleResources(Plan(resources))
    return {resource.type: existing.finders[resource.type](resource) for resource in resources}


SERVICES = "serviceusage.googleapis.com/v1/projects/acme/services"
ACCOUNT_NAME = f"projects/acme/serviceAccounts/{EMAIL}"
SECRET_POLICY = "secretmanager.googleapis.com/v1/projects/acme/secrets/keys:getIamPolicy"


def test_everything_is_found_by_its_name(cloud: Google) -> None:
    secret = "projects/acme/locations/europe-west3/secrets/keys"
    cloud.answers = {
        SERVICES: {"services": [], "nextPageToken": "2"},
        f"{SERVICES}2": ENABLED,
        f"iam.googleapis.com/v1/{ACCOUNT_NAME}": {},
        f"iam.googleapis.com/v1/{ACCOUNT_NAME}:getIamPolicy": policy("roles/user", POOL),
        f"cloudkms.googleapis.com/v1/{KEY}:getIamPolicy": policy(ROLE, f"serviceAccount:{EMAIL}"),
        "compute.googleapis.com/compute/beta/projects/acme/global/firewalls/webhook": {},
        f"secretmanager.europe-west3.rep.googleapis.com/v1/{secret}": {},
    }
    assert found(*RESOURCES) == {
        SERVICE: "acme/cloudkms.googleapis.com",
        ACCOUNT: ACCOUNT_NAME,
        KEY_MEMBER: f"{KEY} {ROLE} serviceAccount:{EMAIL}",
        MEMBER: f"{ACCOUNT_NAME} roles/user {POOL}",
        FIREWALL: "projects/acme/global/firewalls/webhook",
        REGIONAL_SECRET: secret,
    }
    # The policy of a service account is asked for by a POST.
    assert ("POST", f"iam.googleapis.com/v1/{ACCOUNT_NAME}:getIamPolicy") in cloud.asked


def test_nothing_is_found_where_nothing_is(cloud: Google) -> None:
    cloud.answers[SERVICES] = "SERVICE_DISABLED"
    assert set(found(*RESOURCES, GRANT).values()) == {None}


@pytest.mark.parametrize(
    ("granted", "identifier"),
    [
        (policy("roles/reader", ADA), f"projects/acme/secrets/keys roles/reader {ADA}"),
        (policy("roles/writer", ADA), None),
        (policy("roles/reader", "user:bob@example.com"), None),
        (policy("roles/reader", ADA, condition={"expression": "false"}), None),
        ({}, None),
    ],
)
def test_a_grant_is_this_role_for_this_member(
    cloud: Google, granted: Mapping[str, Any], identifier: str | None
) -> None:
    cloud.answers[SECRET_POLICY] = granted
    assert found(GRANT) == {SECRET_MEMBER: identifier}


def test_grant_on_a_key_that_is_still_to_be_created(cloud: Google) -> None:
    assert found(planned(KEY_MEMBER, cryptoKeyId=UNKNOWN, role=ROLE, member=ADA)) == {KEY_MEMBER: None}
    assert found(planned(KEY_MEMBER, cryptoKeyId=KEY, role=UNKNOWN, member=ADA)) == {KEY_MEMBER: None}
    assert not cloud.asked


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("Permission denied", r"(?s)failed: 403.*google-role preview"),
        (ConnectTimeout("slow"), "got no answer: slow"),
        (InvalidHeader("the issuer's token"), "got no answer: InvalidHeader"),
        (TransportError("the issuer's answer"), "got no answer: TransportError"),  # type: ignore[no-untyped-call]
        (RefreshError("expired", "the issuer's answer"), "can't be used: expired"),  # type: ignore[no-untyped-call]
    ],
)
def test_errors_say_what_to_do(cloud: Google, answer: object, text: str) -> None:
    cloud.answers[SECRET_POLICY] = answer
    with pytest.raises(DeploymentError, match=text) as raised:
        found(GRANT)
    assert "issuer" not in str(raised.value)


@pytest.mark.parametrize(
    ("inputs", "identity"),
    [
        ({"project": "acme"}, ((), None)),
        (
            {"impersonateServiceAccountDelegates": '["first"]', "impersonateServiceAccount": "last"},
            (("first", "last"), None),
        ),
        ({"project": "acme", "userProjectOverride": "true"}, ((), "acme")),
        ({"project": "acme", "userProjectOverride": "true", "billingProject": "paying"}, ((), "paying")),
        ({"project": "acme", "userProjectOverride": "false", "billingProject": "paying"}, ((), None)),
    ],
)
def test_google_is_asked_as_the_provider_asks(
    cloud: Google, inputs: Mapping[str, str], identity: tuple[tuple[str, ...], str | None]
) -> None:
    ExistingGoogleResources(Plan([planned("pulumi:providers:gcp", **inputs)]))
    assert cloud.identity == identity


def test_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    def session(_impersonated: tuple[str, ...], _quota_project: str | None) -> None:
        raise DefaultCredentialsError("none at all")  # type: ignore[no-untyped-call]

    monkeypatch.setattr(existing_resources, "deployer_session", session)
    with pytest.raises(DeploymentError, match="gcloud auth application-default login"):
        found(GRANT)


@pytest.mark.parametrize(("answer", "identifier"), [({}, "acme-vault"), (404, None)])
def test_bucket_is_found_by_its_name(cloud: Google, answer: Any, identifier: str | None) -> None:
    cloud.answers["storage.googleapis.com/storage/v1/b/acme-vault"] = answer
    assert found(planned("gcp:storage/bucket:Bucket", name="acme-vault")) == {
        "gcp:storage/bucket:Bucket": identifier
    }
