"""A standby that can't reach the leader, and an address of the leader at which somebody else listens."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from werkzeug.wrappers import Request, Response

from components.errors import RetryableError
from components.seals import awskms
from components.vault.client import VaultClient
from tests.http_server import http_server
from tests.integration.key_service import REGION, run_key_service
from tests.integration.vault_servers import vault_servers, wait_until


@contextlib.contextmanager
def listening_at(port: int) -> Iterator[list[str]]:
    """Somebody who listens at a port; the tokens that arrive there."""
    arrived: list[str] = []

    def answer(asked: Request) -> Response:
        arrived.append(asked.headers.get("X-Vault-Token", ""))
        return Response("{}", 200, content_type="application/json")

    with http_server(answer, port=port):
        yield arrived


def test_root_token_does_not_follow_a_standby_to_the_leaders_address(
    vault_program: Path, tmp_path: Path
) -> None:
    with (
        run_key_service() as kms,
        vault_servers(
            vault_program,
            tmp_path,
            replicas=3,
            seal=awskms.stanza(REGION, kms.key_id),
            environment=kms.environment,
        ) as servers,
    ):
        answer = VaultClient(servers[0].address).initialize(shares=1, threshold=1, recovery=True)
        root = [VaultClient(server.address, answer.root_token) for server in servers.servers]
        wait_until("three voters", 60, lambda: voters(root[0]) == 3)
        leading = next(number for number, client in enumerate(root) if client.leader().is_self)
        standby = root[(leading + 1) % 3]
        servers[leading].stop(kill=True)
        with listening_at(servers[leading].port) as arrived:
            # Until another one leads, the standbys still name the address of the one that is gone.
            wait_until("a standby redirects", 30, lambda: "status 307" in refusal(standby))
            assert arrived == []


def voters(client: VaultClient) -> int:
    with contextlib.suppress(RetryableError):
        return sum(peer.voter for peer in client.raft_state().peers)
    return 0


def refusal(client: VaultClient) -> str:
    time.sleep(0.01)
    try:
        client.raft_state()
    except RetryableError as error:
        return str(error)
    pytest.fail("another server leads already, and none redirected")
