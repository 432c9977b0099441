"""What the store asks of Google Secret Manager, against a service that keeps to the API's reference."""

import json
import socket
from dataclasses import replace
from pathlib import Path

import pytest
from google.oauth2.credentials import Credentials

from components.custody.gcp_secret_versions import SecretVersions
from components.custody.key_store import KeyStoreError, KeyStoreUnavailableError
from components.custody.stores.gcp_secret_manager import Store
from components.google.credentials import deployer_session
from tests.unit.fakes.key_records import ROOT_TOKEN, SHARES, TARGET, key_record
from tests.unit.fakes.redirecting_server import redirecting_server
from tests.unit.fakes.secret_manager_server import (
    NAME,
    PROJECT,
    RIGHTS,
    ApiError,
    LogIn,
    Secret,
    SecretManager,
    new_key,
)

SECRET = f"projects/{PROJECT}/secrets/{NAME}"


def test_a_record_that_the_list_does_not_have_yet_is_found(store: Store, secret: Secret) -> None:
    store.probe(TARGET)
    store.write(key_record(), TARGET)
    store.write(key_record(root_token=""), TARGET)
    store.probe(TARGET)
    secret.unlisted = len(secret.versions)
    assert store.read(TARGET) == key_record(root_token="")


@pytest.mark.parametrize("missing", RIGHTS)
def test_a_missing_right_is_named(store: Store, log_in: LogIn, missing: str) -> None:
    store.write(key_record(), TARGET)
    log_in([right for right in RIGHTS if right != missing])
    with pytest.raises(
        KeyStoreError, match=rf"Permission 'secretmanager\.versions\.{missing}' denied"
    ) as raised:
        store.probe(TARGET)
    assert not isinstance(raised.value, KeyStoreUnavailableError)
    role = "secretAccessor" if missing == "access" else "secretVersionManager"
    assert f"gcloud secrets add-iam-policy-binding {NAME} --project={PROJECT}" in str(raised.value)
    assert f"--role=roles/secretmanager.{role} " in str(raised.value)
    log_in(RIGHTS)
    assert store.read(TARGET) == key_record()


def test_an_api_that_is_not_enabled(google: SecretManager, store: Store) -> None:
    google.faults["list"] = ApiError(
        "PERMISSION_DENIED", "Secret Manager API has not been used in project.", reason="SERVICE_DISABLED"
    )
    enable = f"gcloud services enable secretmanager.googleapis.com --project={PROJECT}"
    with pytest.raises(KeyStoreError, match=f"has not been used in project.\nEnable it: {enable}"):
        store.probe(TARGET)


def test_a_secret_that_does_not_exist(store: Store) -> None:
    missing = replace(store, secret=f"projects/{PROJECT}/secrets/none")
    regional = replace(store, secret=f"projects/{PROJECT}/locations/europe-west3/secrets/none")
    for there, where in ((missing, "--replication-policy=automatic"), (regional, "--location=europe-west3")):
        for attempt in (
            there.probe,
            there.read,
            lambda target, there=there: there.write(key_record(), target),
        ):
            command = f"gcloud secrets create none --project={PROJECT} {where}"
            with pytest.raises(KeyStoreError, match=rf"Secret \[.*\] not found.\n.*{command}$"):
                attempt(TARGET)


def test_what_was_damaged_on_its_way_is_not_taken(store: Store, secret: Secret) -> None:
    store.write(key_record(), TARGET)
    secret.damaged = True
    with pytest.raises(KeyStoreUnavailableError, match=r"Version 1 of .* was damaged"):
        store.read(TARGET)


def test_what_google_did_not_check_does_not_count_as_stored(store: Store, secret: Secret) -> None:
    secret.checksum_lost = True
    with pytest.raises(KeyStoreUnavailableError, match="didn't check what") as raised:
        store.write(key_record(), TARGET)
    assert not any(piece in str(raised.value) for piece in (ROOT_TOKEN, *SHARES))


@pytest.mark.parametrize("status", ["RESOURCE_EXHAUSTED", "UNAVAILABLE"])
def test_a_service_that_is_busy_is_worth_another_try(
    google: SecretManager, store: Store, status: str
) -> None:
    google.faults |= {right: ApiError(status, "Try again.") for right in ("add", "list")}
    with pytest.raises(KeyStoreUnavailableError, match=f"versions.add on .* failed: {status}: Try again."):
        store.write(key_record(), TARGET)
    assert google.calls == ["add"]
    google.calls.clear()
    with pytest.raises(KeyStoreUnavailableError, match=f"versions.list on .* failed: {status}: Try again."):
        store.read(TARGET)
    assert google.calls == ["list"] * 3


def test_a_service_that_does_not_answer_is_worth_another_try(store: Store) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = replace(store, endpoint=f"127.0.0.1:{taken.getsockname()[1]}")
    with pytest.raises(
        KeyStoreUnavailableError, match=r"versions\.add on projects/.* got no answer"
    ) as raised:
        nobody.write(key_record(), TARGET)
    assert not any(secret in str(raised.value) for secret in (ROOT_TOKEN, *SHARES))


def test_a_header_that_cannot_be_sent_is_not_shown(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    # Leads into every request like a token does.
    monkeypatch.setenv("CLOUDSDK_CORE_REQUEST_REASON", "hush\n")
    with pytest.raises(KeyStoreUnavailableError, match="got no answer: InvalidHeader") as raised:
        store.write(key_record(), TARGET)
    assert "hush" not in str(raised.value)


def test_a_server_that_is_not_who_it_says_gets_nothing(
    google: SecretManager, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write(key_record(), TARGET)
    google.calls.clear()
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with pytest.raises(KeyStoreError, match="CERTIFICATE_VERIFY_FAILED"):
        store.write(key_record(), TARGET)
    assert google.calls == []


def test_credentials_that_are_not_valid_any_more(google: SecretManager, store: Store, key_file: Path) -> None:
    other = new_key().as_pem(private=True).decode()
    key_file.write_text(json.dumps({**google.account(RIGHTS), "private_key": other}))
    with pytest.raises(KeyStoreError, match=r"can't be asked for: invalid_grant.*\nLog in again") as raised:
        store.read(TARGET)
    assert not isinstance(raised.value, KeyStoreUnavailableError)
    assert google.calls == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("logged_in", [True, False])
def test_redirect_takes_neither_keys_nor_login_along(
    monkeypatch: pytest.MonkeyPatch, status: int, logged_in: bool
) -> None:
    with redirecting_server(status) as server, redirecting_server(status) as issuer:
        credentials = Credentials(  # type: ignore[no-untyped-call]
            "token" if logged_in else None,
            refresh_token="login",
            token_uri=f"{issuer.address}/token",
            client_id="client",
            client_secret="secret",
        )
        monkeypatch.setattr("google.auth.default", lambda **_: (credentials, ""))
        # The store asks over TLS alone.
        versions = SecretVersions(deployer_session((), None), f"{server.address}/v1/key", SECRET)
        with pytest.raises(KeyStoreError, match="redirect"):
            versions.add(key_record().to_json())
        assert server.arrived == issuer.arrived == []
