"""Provider and key store as another service account: both with the rights of that one, and no other."""

from uuid import uuid4

import pytest

from components.custody.key_store import KeyStoreError
from components.custody.stores.gcp_secret_manager import Store
from components.google.provider_settings import read_provider_settings
from sandbox.google.project import PROJECT_ID
from sandbox.plugins.gcp.provider import GcpProvider
from sandbox.plugins.provider import ProviderError
from tests.integration.google.running_google import PROJECT, RunningGoogle
from tests.unit.fakes.key_records import TARGET, key_record

KEY_RINGS = "gcp:kms/getKeyRings:getKeyRings"


@pytest.fixture
def person(google: RunningGoogle, monkeypatch: pytest.MonkeyPatch) -> str:
    """The one who runs the program, and may do nothing."""
    member = f"user:{uuid4().hex[:8]}@example.com"
    for name, value in google.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GOOGLE_OAUTH_ACCESS_TOKEN", google.owner_token(member))
    return member


def list_key_rings(impersonated: str) -> None:
    provider = GcpProvider()
    inputs = {"project": PROJECT_ID, "addPulumiAttributionLabel": "false"}
    if impersonated:
        inputs["impersonateServiceAccount"] = impersonated
    provider.configure(dict(inputs), lambda *_: None)
    function = provider.function(KEY_RINGS)
    assert function is not None
    function({"location": "global"})


def store_for(secret: str, impersonated: str) -> Store:
    configuration = {"impersonateServiceAccount": impersonated} if impersonated else {}
    provider = read_provider_settings(configuration, {}, project=PROJECT_ID, runs_plugin=False)
    return Store(secret=secret, endpoint="").asked_by(provider)


@pytest.mark.parametrize("from_the_environment", [False, True])
def test_both_have_the_rights_of_the_impersonated_account(
    google: RunningGoogle,
    account: str,
    person: str,
    monkeypatch: pytest.MonkeyPatch,
    from_the_environment: bool,
) -> None:
    configured = account
    if from_the_environment:
        monkeypatch.setenv("GOOGLE_IMPERSONATE_SERVICE_ACCOUNT", account)
        configured = ""
    secret = f"{PROJECT}/secrets/keys-{uuid4().hex[:8]}"
    parent, name = secret.split("/secrets/")
    google.call(
        "POST",
        f"secretmanager.googleapis.com/v1/{parent}/secrets?secretId={name}",
        {"replication": {"automatic": {}}},
    )
    member = f"serviceAccount:{account}"
    google.bind(
        f"secretmanager.googleapis.com/v1/{secret}",
        {
            "roles/secretmanager.secretAccessor": [member],
            "roles/secretmanager.secretVersionManager": [member],
        },
    )
    project = f"cloudresourcemanager.googleapis.com/v1/{PROJECT}"
    policy = google.call("POST", f"{project}:getIamPolicy", {}, token=google.owner_token()).result
    policy["bindings"].append({"role": "roles/cloudkms.viewer", "members": [member]})
    google.call("POST", f"{project}:setIamPolicy", {"policy": policy}, token=google.owner_token())

    with pytest.raises(ProviderError, match=r"iam\.serviceAccounts\.getAccessToken"):
        list_key_rings(configured)
    with pytest.raises(KeyStoreError, match=r"iam\.serviceAccounts\.getAccessToken|can't be asked for"):
        store_for(secret, configured).read(TARGET)

    google.bind(
        f"iam.googleapis.com/v1/{PROJECT}/serviceAccounts/{account}",
        {"roles/iam.serviceAccountTokenCreator": [person]},
    )
    list_key_rings(configured)
    store = store_for(secret, configured)
    store.write(key_record(), TARGET)
    assert store.read(TARGET) == key_record()


@pytest.mark.usefixtures("person")
def test_without_impersonation_the_person_acts() -> None:
    with pytest.raises(ProviderError, match=r"cloudkms\.keyRings\.list"):
        list_key_rings("")
