"""The store in Google Secret Manager, against a service that keeps to the API's reference, over TLS."""

from dataclasses import replace
from pathlib import Path

import pytest

from components.custody.key_store import PROBE, KeyStoreError, KeyStoreUnavailableError
from components.custody.stores import gcp_secret_manager
from components.custody.stores.gcp_secret_manager import Store
from tests.unit.fakes.key_records import ROOT_TOKEN, SHARES, TARGET, key_record
from tests.unit.fakes.refusing_proxy import RefusingProxy
from tests.unit.fakes.secret_manager_server import (
    NAME,
    PROJECT,
    RIGHTS,
    ApiError,
    LogIn,
    Secret,
    SecretManager,
    Version,
    crc32c,
)


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


def test_without_credentials_the_error_says_how_to_log_in(store: Store, key_file: Path) -> None:
    key_file.unlink()
    with pytest.raises(KeyStoreError, match=rf"{key_file} was not found.*\nLog in \(gcloud auth"):
        store.read(TARGET)
