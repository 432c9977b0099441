"""Provider and key store as another account: both with the rights of that one, and no other."""

import json
from pathlib import Path
from uuid import uuid4

import pytest

from components.custody.key_store import KeyStoreError
from components.custody.stores.gcp_secret_manager import Store
from components.google.provider_settings import read_provider_settings
from sandbox.google.project import PROJECT_ID, STS_AUDIENCE
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


def list_key_rings(impersonated: str, *delegates: str) -> None:
    provider = GcpProvider()
    inputs = {"project": PROJECT_ID, "addPulumiAttributionLabel": "false"}
    if impersonated:
        inputs["impersonateServiceAccount"] = impersonated
    if delegates:
        inputs["impersonateServiceAccountDelegates"] = json.dumps(delegates)
    assert provider.check_configuration(dict(inputs)) == ()
    provider.configure(dict(inputs), lambda *_: None)
    function = provider.function(KEY_RINGS)
    assert function is not None
    function({"location": "global"})


def store_for(secret: str, impersonated: str, *delegates: str) -> Store:
    configuration = {"impersonateServiceAccount": impersonated} if impersonated else {}
    if delegates:
        configuration["impersonateServiceAccountDelegates"] = json.dumps(delegates)
    provider = read_provider_settings(configuration, {}, project=PROJECT_ID, runs_plugin=False)
    return Store(secret=secret, endpoint="").asked_by(provider)


def secret_of(google: RunningGoogle, member: str) -> str:
    """Create a secret that the member may keep keys in; returns its name."""
    name = f"keys-{uuid4().hex[:8]}"
    google.call(
        "POST",
        f"secretmanager.googleapis.com/v1/{PROJECT}/secrets?secretId={name}",
        {"replication": {"automatic": {}}},
    )
    google.bind(
        f"secretmanager.googleapis.com/v1/{PROJECT}/secrets/{name}",
        {
            "roles/secretmanager.secretAccessor": [member],
            "roles/secretmanager.secretVersionManager": [member],
        },
    )
    return f"{PROJECT}/secrets/{name}"


def let_view_keys(google: RunningGoogle, member: str) -> None:
    project = f"cloudresourcemanager.googleapis.com/v1/{PROJECT}"
    policy = google.call("POST", f"{project}:getIamPolicy", {}, token=google.owner_token()).result
    policy["bindings"].append({"role": "roles/cloudkms.viewer", "members": [member]})
    google.call("POST", f"{project}:setIamPolicy", {"policy": policy}, token=google.owner_token())


def let_impersonate(google: RunningGoogle, member: str, account: str) -> None:
    google.bind(
        f"iam.googleapis.com/v1/{PROJECT}/serviceAccounts/{account}",
        {"roles/iam.serviceAccountTokenCreator": [member]},
    )


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
    member = f"serviceAccount:{account}"
    secret = secret_of(google, member)
    let_view_keys(google, member)

    with pytest.raises(ProviderError, match=r"iam\.serviceAccounts\.getAccessToken"):
        list_key_rings(configured)
    with pytest.raises(KeyStoreError, match=r"iam\.serviceAccounts\.getAccessToken|can't be asked for"):
        store_for(secret, configured).read(TARGET)

    let_impersonate(google, person, account)
    list_key_rings(configured)
    store = store_for(secret, configured)
    store.write(key_record(), TARGET)
    assert store.read(TARGET) == key_record()


@pytest.mark.usefixtures("person")
def test_without_impersonation_the_person_acts() -> None:
    with pytest.raises(ProviderError, match=r"cloudkms\.keyRings\.list"):
        list_key_rings("")


def test_both_go_through_a_chain_of_delegates(google: RunningGoogle, account: str, person: str) -> None:
    delegate = google.create_account(f"first-{uuid4().hex[:8]}")
    member = f"serviceAccount:{account}"
    secret = secret_of(google, member)
    let_view_keys(google, member)
    let_impersonate(google, person, delegate)
    with pytest.raises(ProviderError, match=r"iam\.serviceAccounts\.getAccessToken"):
        list_key_rings(account, delegate)
    with pytest.raises(KeyStoreError, match=r"iam\.serviceAccounts\.getAccessToken|can't be asked for"):
        store_for(secret, account, delegate).read(TARGET)

    let_impersonate(google, f"serviceAccount:{delegate}", account)
    list_key_rings(account, delegate)
    store = store_for(secret, account, delegate)
    store.write(key_record(), TARGET)
    assert store.read(TARGET) == key_record()


@pytest.mark.parametrize("impersonates", [False, True])
def test_key_store_with_a_federated_identity(
    google: RunningGoogle,
    account: str,
    person: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    impersonates: bool,
) -> None:
    """What CI has with Workload Identity Federation: a file with a token, and no Google login."""
    member = federated = "serviceAccount:sandbox-project.svc.id.goog[ci/deployer]"
    subject, file = tmp_path / "token", tmp_path / "credentials.json"
    subject.write_text(google.workload_token("ci", "deployer"))
    credentials = {
        "type": "external_account",
        "audience": STS_AUDIENCE,
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.googleapis.com/v1/token",
        "credential_source": {"file": str(subject)},
    }
    if impersonates:
        member = f"serviceAccount:{account}"
        let_impersonate(google, federated, account)
        credentials["service_account_impersonation_url"] = (
            "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/"
            f"{account}:generateAccessToken"
        )
    file.write_text(json.dumps(credentials))
    monkeypatch.delenv("GOOGLE_OAUTH_ACCESS_TOKEN")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    store = store_for(secret_of(google, member), "")
    store.write(key_record(), TARGET)
    assert store.read(TARGET) == key_record()
    callers = {call["caller"] for call in google.calls() if call["method"] == "AddSecretVersion"}
    assert member in callers and person not in callers
