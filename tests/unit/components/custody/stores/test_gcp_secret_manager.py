"""The settings of the store in Google Secret Manager, and what it costs a preview.

Its use is tested in ``test_gcp_secret_manager_service.py``.
"""

import subprocess
import sys

import pytest

from components.custody.key_store import (
    store_class,
    store_from_properties,
    store_to_properties,
)
from components.custody.stores.gcp_secret_manager import Store
from components.google.provider_settings import read_provider_settings
from tests.unit.fakes.store_settings import read_store

SECRET = "projects/example-project/secrets/vault-operator-init"
DEPLOYER = "deployer@example-project.iam.gserviceaccount.com"


def test_settings() -> None:
    store, problems = read_store(Store, {"secret": SECRET})
    assert (store, problems) == (Store(secret=SECRET, endpoint=""), [])
    assert store.location == f"Google secret {SECRET}"
    assert store_class("gcp-secret-manager") is Store
    assert store_from_properties(store_to_properties("gcp-secret-manager", store)) == store


@pytest.mark.parametrize(
    ("configuration", "impersonated", "quota_project"),
    [
        ({}, None, None),
        ({"impersonateServiceAccount": DEPLOYER}, (DEPLOYER,), None),
        ({"userProjectOverride": "true"}, None, "example-project"),
        ({"userProjectOverride": "true", "billingProject": "billing"}, None, "billing"),
    ],
)
def test_the_store_is_asked_as_the_provider_asks(
    configuration: dict[str, str], impersonated: tuple[str, ...] | None, quota_project: str | None
) -> None:
    # That of the environment stays there: a change of it is none of the stack.
    environment = {"GOOGLE_IMPERSONATE_SERVICE_ACCOUNT": "other@acme.iam.gserviceaccount.com"}
    provider = read_provider_settings(configuration, environment, project=None, runs_plugin=False)
    store = Store(secret=SECRET, endpoint="").asked_by(provider)
    assert (store.impersonated, store.quota_project) == (impersonated, quota_project)
    properties = store_to_properties("gcp-secret-manager", store)
    assert store_from_properties(properties) == store
    assert ("impersonated" in properties["options"]) is (impersonated is not None)


def test_what_earlier_versions_have_in_the_state() -> None:
    properties = store_to_properties("gcp-secret-manager", Store(secret=SECRET, endpoint=""))
    assert properties["options"].keys() == {"secret", "endpoint", "readers", "replicas"}


@pytest.mark.parametrize(
    "secret",
    [
        SECRET,
        "projects/123456789012/secrets/Vault_1",
        "projects/example.com:legacy/secrets/vault",
        "projects/example-project/locations/europe-west3/secrets/vault",
    ],
)
@pytest.mark.parametrize(
    "endpoint", ["secretmanager.europe-west3.rep.googleapis.com", "secretmanager-vault.p.example.com:8443"]
)
def test_names_that_google_gives(secret: str, endpoint: str) -> None:
    store, problems = read_store(Store, {"secret": secret, "endpoint": endpoint})
    assert (store, problems) == (Store(secret=secret, endpoint=endpoint), [])


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"secret": "vault-operator-init"}, "secret"),
        ({"secret": f"{SECRET}/versions/1"}, "secret"),
        ({"secret": "projects/example-project/secrets/vault.keys"}, "secret"),
        ({"secret": f"projects/example-project/secrets/{'v' * 256}"}, "secret"),
        ({"endpoint": "https://secretmanager.example.com"}, "endpoint"),
        ({"endpoint": "secretmanager.example.com/v1"}, "endpoint"),
        ({"endpoint": "somebody@secretmanager.example.com"}, "endpoint"),
    ],
)
def test_wrong_settings(changed: dict[str, str], key: str) -> None:
    _, problems = read_store(Store, {"secret": SECRET, **changed})
    assert [problem.split(" ")[0] for problem in problems] == [f"vault-autounseal:custody.{key}"]


READER = "serviceAccount:deployer@example-project.iam.gserviceaccount.com"


@pytest.mark.parametrize(
    "reader",
    [
        READER,
        "user:somebody@example.com",
        "group:vault-admins@example.com",
        "principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/ci/subject/main",
        "principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/ci/*",
    ],
)
def test_readers_make_it_the_stacks_own_secret(reader: str) -> None:
    store, problems = read_store(Store, {"secret": SECRET, "readers": [reader], "replicas": ["europe-west3"]})
    assert (store.readers, store.replicas, problems) == ((reader,), ("europe-west3",), [])
    assert store_from_properties(store_to_properties("gcp-secret-manager", store)) == store


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"readers": ["allUsers"]}, "readers"),
        ({"readers": ["allAuthenticatedUsers"]}, "readers"),
        ({"readers": ["domain:example.com"]}, "readers"),
        ({"readers": ["somebody@example.com"]}, "readers"),
        ({"readers": ["user:*@example.com"]}, "readers"),
        ({"readers": [READER, READER]}, "readers"),
        ({"readers": "user:somebody@example.com"}, "readers"),
        ({"readers": [READER], "replicas": ["Europe"]}, "replicas"),
        ({"replicas": ["europe-west3"]}, "replicas"),
        (
            {
                "secret": "projects/example-project/locations/europe-west3/secrets/vault",
                "readers": [READER],
                "replicas": ["europe-west4"],
            },
            "replicas",
        ),
    ],
)
def test_wrong_readers_and_regions(changed: dict[str, object], key: str) -> None:
    _, problems = read_store(Store, {"secret": SECRET, **changed})
    assert [problem.split(" ")[0] for problem in problems] == [f"vault-autounseal:custody.{key}"]


def test_a_state_of_an_earlier_version_is_read() -> None:
    properties = {"store": "gcp-secret-manager", "options": {"secret": SECRET, "endpoint": ""}}
    assert store_from_properties(properties) == Store(secret=SECRET, endpoint="")


def test_the_secret_has_to_be_given() -> None:
    _, problems = read_store(Store, {})
    assert problems == [
        "vault-autounseal:custody.secret is not set: name an existing secret, "
        "projects/<project>/secrets/<name>, or a regional one, "
        "projects/<project>/locations/<region>/secrets/<name>"
    ]


def test_a_preview_does_not_load_googles_library() -> None:
    program = (
        "import sys; from components.custody.stores.gcp_secret_manager import Store; "
        "sys.exit(any(name.split('.')[:2] == ['google', 'auth'] for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
