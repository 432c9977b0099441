"""How three real Vault servers are, at each stage of their life, by the page that people see."""

import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from components.operator_init import OperatorInitProvider
from components.shares.unseal import unseal_pods
from components.status.facts import RecordedStack
from components.status.observation import TOGETHER_SECONDS, observe
from components.status.page import Page, State
from components.status.sections import page_of
from components.status.token_answers import Credentials
from tests.integration.program_inputs import init_inputs
from tests.integration.vault_servers import ACCESS, VaultServers, vault_servers, wait_until
from tests.unit.fakes.observed_vault import outputs

STACK = RecordedStack.from_outputs(outputs(pod_access=ACCESS.to_properties(), seal_type="shamir"))
READY = [{"type": "Ready", "status": "True"}]


def page(token: str | None = None, stack: RecordedStack = STACK) -> Page:
    credentials = None if token is None else lambda: Credentials(token)
    return page_of(observe(stack, datetime.now(UTC), credentials))


def needing_attention(found: Page) -> list[tuple[str, str]]:
    return [
        (line.about, line.says)
        for section in found.sections
        for line in section.lines
        if line.state is State.ATTENTION
    ]


@pytest.fixture
def servers(vault_program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
    with vault_servers(vault_program, tmp_path, replicas=3, seal=None) as cluster:
        monkeypatch.setenv("PATH", str(cluster.commands), prepend=":")
        yield cluster


def test_page_from_the_init_to_a_frozen_server(servers: VaultServers, tmp_path: Path) -> None:
    blank = page()
    assert [found for found in needing_attention(blank) if found[0]] == [
        (f"vault-{ordinal}", "it isn't initialised") for ordinal in range(3)
    ]
    assert blank.exit_code == 1

    keys = OperatorInitProvider().create(init_inputs(seal_type="shamir", seal_key="")).outs
    assert keys is not None
    sealed = page()
    assert ("vault-0", "it is sealed") in needing_attention(sealed)
    assert "python -m components unseal" in sealed.to_text()

    unseal_pods(ACCESS, replicas=3, key_shares=keys["key_shares"], threshold=3, seconds=60)
    wait_until("all is well", 30, lambda: needing_attention(page()) == [])
    well = page()
    assert well.exit_code == 0
    assert "vault-0 leads, 2 of 2 follow it closely" in well.to_text()

    root = servers[0].client(keys["root_token"])
    root.sys.enable_audit_device("file", path="here", options={"file_path": str(tmp_path / "audit.log")})
    # Vault lets a new server vote once it has been healthy for ten seconds.
    wait_until("three voters", 60, lambda: needing_attention(page(keys["root_token"])) == [])
    told = page(keys["root_token"]).to_text()
    assert "3 voters: vault-0, vault-1, vault-2" in told
    assert "devices here/" in told
    assert keys["root_token"] not in told

    with servers[2].frozen():
        began = time.monotonic()
        frozen = page()
        assert time.monotonic() - began < TOGETHER_SECONDS + 1
    assert ("vault-2", "its Vault doesn't answer: no answer from Vault: ReadTimeout") in needing_attention(
        frozen
    )
    assert "vault-0 leads, 1 of 2 follow it closely" in frozen.to_text()

    servers[1].stop()
    servers[1].start()
    after = page()
    assert ("vault-1", "it is sealed") in needing_attention(after)
    wrong = page(token="hvs.nothing")
    assert "permission denied" in wrong.to_text()


def test_single_server(vault_program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with vault_servers(vault_program, tmp_path, replicas=1, seal=None, raft=None) as cluster:
        monkeypatch.setenv("PATH", str(cluster.commands), prepend=":")
        client = cluster[0].client()
        answer = client.sys.initialize(secret_shares=1, secret_threshold=1)
        client.sys.submit_unseal_key(answer["keys"][0])
        single = replace(STACK, replicas=1, highly_available=False)
        wait_until("all is well", 30, lambda: page(stack=single).exit_code == 0)
        assert "vault-0  serves, unsealed (shamir)" in page(stack=single).to_text()
        assert page(answer["root_token"], single).exit_code == 0
