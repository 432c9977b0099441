"""Google's store, logged in to a service that keeps to the API's reference, over TLS."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from components.custody.stores.gcp_secret_manager import Store
from tests.unit.fakes.refusing_proxy import RefusingProxy, run_refusing_proxy
from tests.unit.fakes.secret_manager_server import (
    NAME,
    PROJECT,
    RIGHTS,
    LogIn,
    Secret,
    SecretManager,
    run_secret_manager,
)


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
