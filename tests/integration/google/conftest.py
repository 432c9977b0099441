"""The process that plays Google Cloud, started once, and real Vaults that are sealed with its keys."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from uuid import uuid4

import pytest

from components.seals.gcpckms import stanza
from tests.integration.google.running_google import RunningGoogle, StartVault, run_google
from tests.integration.vault_servers import VaultServer, vault_servers


@pytest.fixture(scope="session")
def google(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGoogle]:
    """With every API enabled."""
    with run_google(tmp_path_factory.mktemp("google")) as running:
        running.enable_apis()
        yield running


@pytest.fixture
def key(google: RunningGoogle) -> str:
    """A key that nobody may use yet."""
    return google.create_key(f"ring-{uuid4().hex[:8]}")


@pytest.fixture
def account(google: RunningGoogle) -> str:
    """The e-mail address of a service account that may do nothing yet."""
    return google.create_account(f"vault-{uuid4().hex[:8]}")


@pytest.fixture
def start_vault(google: RunningGoogle, key: str, vault_program: Path, tmp_path: Path) -> StartVault:
    """One Vault whose seal is the key, with a credentials file."""

    @contextlib.contextmanager
    def start(credentials: Mapping[str, object]) -> Iterator[VaultServer]:
        path = tmp_path / "credentials.json"
        path.write_text(json.dumps(credentials), encoding="utf-8")
        with vault_servers(
            google.led_here(vault_program),
            tmp_path,
            replicas=1,
            seal=stanza(key, credentials_file=str(path)),
            environment={"SSL_CERT_FILE": str(google.authority)},
        ) as servers:
            yield servers[0]

    return start
