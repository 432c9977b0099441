"""The store in Google Secret Manager, against a service that keeps to the API's reference, over TLS."""

import json
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from components.custody.key_store import PROBE, KeyStoreError, KeyStoreUnavailableError
from components.custody.stores import gcp_secret_manager
from components.custody.stores.gcp_secret_manager import Store
from tests.unit.fakes.key_records import ROOT_TOKEN, SHARES, TARGET, key_record
from tests.unit.fakes.refusing_proxy import RefusingProxy, run_refusing_proxy
from tests.unit.fakes.secret_manager_server import (
    PROJECT,
    ApiError,
    Secret,
    SecretManager,
    Version,
    crc32c,
    new_key,
    run_secret_manager,
)

NAME = "vault-operator-init"
RIGHTS = ("add", "access", "destroy", "list")

LogIn = Callable[[Sequence[str]], None]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecretManager]:
    with run_secret_manager(tmp_path_factory.mktemp("google")) as service:
        yield service


@pytest.fixture
def google(running: SecretManager) -> SecretManager:
    """With an empty secret."""
    running.secrets = {NAME: Secret()}
    running.faults.clear()
    running.calls.clear()
    return running


@pytest.fixture
def proxy() -> Iterator[RefusingProxy]:
    with run_refusing_proxy() as running:
        yield running


@pytest.fixture
def key_file(
    google: SecretManager, proxy: RefusingProxy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Path:
    """The credentials of this process."""
    path = tmp_path / "credentials.json"
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(google.authority))
    for name in ("https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    # What is asked for again is asked for at once.
    monkeypatch.setattr("urllib3.util.Retry.sleep", lambda *_: None)
    return path


@pytest.fixture
def log_in(google: SecretManager, key_file: Path) -> LogIn:
    """As a service account with just these rights."""

    def with_rights(rights: Sequence[str]) -> None:
        key_file.write_text(json.dumps(google.account(rights)))

    return with_rights


@pytest.fixture
def store(google: SecretManager, log_in: LogIn) -> Store:
    log_in(RIGHTS)
    return Store(secret=f"projects/{PROJECT}/secrets/{NAME}", endpoint=google.endpoint)


@pytest.fixture
def secret(google: SecretManager, store: Store) -> Secret:
    """That the store uses."""
    assert store.secret.endswith(NAME)
    return google.secrets[NAME]


def test_the_checksum_is_the_one_of_the_standard() -> None:
    assert crc32c(b"123456789") == 0xE3069283


def test_a_record_is_written_and_read_back(store: Store, secret: Secret) -> None:
    assert store.read(TARGET) is None
    first = store.write(key_record(), TARGET)
    assert store.read(TARGET) == key_record()
    second = store.write(key_record(root_token=""), TARGET)
    assert store.read(TARGET) == key_record(root_token="")
    assert first.location == second.location == f"Google secret projects/{PROJECT}/secrets/{NAME}"
    assert (first.version, second.version) == ("1", "2")
    # The older one is kept.
    assert secret.states == ["ENABLED", "ENABLED"]
    assert all(version.checked for version in secret.versions)


def test_every_version_that_is_not_destroyed_is_an_earlier_one(store: Store) -> None:
    store.probe(TARGET)
    store.write(key_record(), TARGET)
    store.write(key_record(root_token=""), TARGET)
    assert [*store.earlier("", TARGET)] == [key_record(root_token=""), key_record()]


def test_a_regional_secret(store: Store) -> None:
    regional = replace(store, secret=f"projects/{PROJECT}/locations/europe-west3/secrets/{NAME}")
    regional.probe(TARGET)
    assert regional.write(key_record(), TARGET).version == "2"
    assert regional.read(TARGET) == key_record()


@pytest.mark.parametrize(
    ("name", "host"),
    [
        (f"projects/{PROJECT}/secrets/{NAME}", "secretmanager.googleapis.com"),
        (
            f"projects/{PROJECT}/locations/europe-west3/secrets/{NAME}",
            "secretmanager.europe-west3.rep.googleapis.com",
        ),
    ],
)
def test_without_an_endpoint_it_is_googles(log_in: LogIn, proxy: RefusingProxy, name: str, host: str) -> None:
    log_in(RIGHTS)
    with pytest.raises(KeyStoreUnavailableError, match="got no answer"):
        Store(secret=name, endpoint="").write(key_record(), TARGET)
    assert f"{host}:443" in proxy.asked


def test_a_probe_of_an_empty_secret_is_no_record(store: Store, secret: Secret) -> None:
    for probes in (1, 2):
        store.probe(TARGET)
        assert store.read(TARGET) is None
        assert secret.states == ["DESTROYED"] * probes
    assert store.write(key_record(), TARGET).version == "3"
    assert store.read(TARGET) == key_record()


def test_a_probe_leaves_nothing_enabled_and_keeps_the_record(store: Store, secret: Secret) -> None:
    store.write(key_record(), TARGET)
    for _ in range(4):
        store.probe(TARGET)
    assert secret.states == ["ENABLED", *["DESTROYED"] * 4]
    assert store.read(TARGET) == key_record()


def test_a_probe_where_versions_are_destroyed_with_a_delay(store: Store, secret: Secret) -> None:
    secret.destroy_delay = True
    store.write(key_record(), TARGET)
    store.probe(TARGET)
    assert secret.states == ["ENABLED", "DISABLED"]
    assert store.read(TARGET) == key_record()


def test_a_probe_that_was_interrupted_is_passed_over_and_destroyed_by_the_next(
    google: SecretManager, store: Store, secret: Secret
) -> None:
    store.write(key_record(), TARGET)
    google.faults["destroy"] = ApiError("UNAVAILABLE", "The service is currently unavailable.")
    with pytest.raises(KeyStoreUnavailableError, match=r"versions\.destroy"):
        store.probe(TARGET)
    assert secret.states == ["ENABLED", "ENABLED"]
    assert secret.versions[1].data == PROBE.encode()
    assert store.read(TARGET) == key_record()
    google.faults.clear()
    store.probe(TARGET)
    assert secret.states == ["ENABLED", "DESTROYED", "DESTROYED"]
    assert store.read(TARGET) == key_record()


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


def test_rights_that_the_stack_has_just_given_are_waited_for(
    store: Store, log_in: LogIn, secret: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_in(())
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            log_in(RIGHTS)

    monkeypatch.setattr("components.progress.time.sleep", sleep)
    replace(store, readers=("user:somebody@example.com",)).probe(TARGET)
    assert pauses == [5.0, 5.0]
    assert [version.state for version in secret.versions] == ["DESTROYED"]


def test_rights_that_nobody_gives_are_an_error_in_the_end(
    store: Store, log_in: LogIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_in(())
    monkeypatch.setattr(gcp_secret_manager, "_GRANT_SECONDS", 0)
    with pytest.raises(KeyStoreError, match=r"secretmanager\.versions\.list"):
        replace(store, readers=("user:somebody@example.com",)).probe(TARGET)


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


def test_a_record_that_is_disabled_is_not_replaced_by_an_older_one(store: Store, secret: Secret) -> None:
    store.write(key_record(), TARGET)
    store.write(key_record(root_token=""), TARGET)
    secret.versions[1].state = "DISABLED"
    for attempt in (store.read, store.probe):
        with pytest.raises(KeyStoreError, match="is in DISABLED state") as raised:
            attempt(TARGET)
        assert f"gcloud secrets versions enable 2 --secret={NAME} --project={PROJECT}" in str(raised.value)
    assert secret.states == ["ENABLED", "DISABLED"]
    secret.versions[1].state = "DESTROYED"
    assert store.read(TARGET) == key_record()


def test_what_is_no_record_is_left_alone(store: Store, secret: Secret) -> None:
    for data in (b"somebody's", b"\xff\x00somebody's"):
        secret.versions.append(Version(data, checked=False))
        with pytest.raises(KeyStoreError, match="isn't a record of keys") as raised:
            store.read(TARGET)
        assert "somebody's" not in str(raised.value)
    assert secret.states == ["ENABLED", "ENABLED"]


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


def test_an_answer_that_repeats_the_keys_is_not_shown(google: SecretManager, store: Store) -> None:
    google.faults["add"] = ApiError("INVALID_ARGUMENT", f"Invalid value: {key_record().to_json()}")
    with pytest.raises(KeyStoreError, match="isn't shown") as raised:
        store.write(key_record(), TARGET)
    assert not any(secret in str(raised.value) for secret in (ROOT_TOKEN, *SHARES))


def test_a_record_that_is_too_long_is_not_sent(google: SecretManager, store: Store) -> None:
    long = replace(key_record(), recovery_shares=("s" * 65536,))
    with pytest.raises(KeyStoreError, match="takes 65536 bytes, and the record is longer"):
        store.write(long, TARGET)
    assert google.calls == []


def test_credentials_that_are_not_valid_any_more(google: SecretManager, store: Store, key_file: Path) -> None:
    other = new_key().as_pem(private=True).decode()
    key_file.write_text(json.dumps({**google.account(RIGHTS), "private_key": other}))
    with pytest.raises(KeyStoreError, match=r"can't be asked for: invalid_grant.*\nLog in again") as raised:
        store.read(TARGET)
    assert not isinstance(raised.value, KeyStoreUnavailableError)
    assert google.calls == []


def test_without_credentials_the_error_says_how_to_log_in(store: Store, key_file: Path) -> None:
    key_file.unlink()
    with pytest.raises(KeyStoreError, match=rf"{key_file} was not found.*\nLog in \(gcloud auth"):
        store.read(TARGET)
