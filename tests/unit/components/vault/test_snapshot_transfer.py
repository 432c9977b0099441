"""Snapshots on their way, with a server that answers as Vault's active server, standby or proxy would."""

import io
import socket
import threading
from collections.abc import Callable

import pytest
from werkzeug.wrappers import Request, Response

from components.errors import DeploymentError
from components.vault.client import (
    VaultClient,
    VaultForbiddenError,
    VaultNotFoundError,
    VaultRefusedError,
    VaultUnavailableError,
    VaultUnreachableError,
)
from components.vault.snapshot_transfer import read_snapshot, write_snapshot
from tests.http_server import http_server
from tests.unit.fakes.redirecting_server import redirecting_server

TOKEN = "hvs.token"
CONTENT = bytes(range(256)) * 10_000


def test_bytes_go_both_ways_with_the_token() -> None:
    arrived: list[tuple[str, str, str, bytes]] = []

    def answer(asked: Request) -> Response:
        arrived.append((asked.method, asked.path, asked.headers["X-Vault-Token"], asked.get_data()))
        return Response(CONTENT if asked.method == "GET" else b"", 200 if asked.method == "GET" else 204)

    with http_server(answer) as port:
        client = VaultClient(f"http://127.0.0.1:{port}", TOKEN)
        file = io.BytesIO()
        read_snapshot(client, file)
        assert file.getvalue() == CONTENT
        write_snapshot(client, io.BytesIO(CONTENT), forced=False)
        write_snapshot(client, io.BytesIO(CONTENT), forced=True)
    assert arrived == [
        ("GET", "/v1/sys/storage/raft/snapshot", TOKEN, b""),
        ("POST", "/v1/sys/storage/raft/snapshot", TOKEN, CONTENT),
        ("POST", "/v1/sys/storage/raft/snapshot-force", TOKEN, CONTENT),
    ]


@pytest.mark.parametrize(("status", "kind"), [(307, VaultUnavailableError), (302, VaultRefusedError)])
def test_redirect_is_not_followed(status: int, kind: type[DeploymentError]) -> None:
    """A standby answers 307 to the leader's address, and no byte."""
    with redirecting_server(status) as server:
        client, file = VaultClient(server.address, TOKEN), io.BytesIO()
        with pytest.raises(kind, match="isn't followed"):
            read_snapshot(client, file)
        with pytest.raises(kind, match="isn't followed"):
            write_snapshot(client, io.BytesIO(CONTENT), forced=True)
        assert server.arrived == []
        assert file.getvalue() == b""


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, VaultRefusedError),
        (403, VaultForbiddenError),
        (404, VaultNotFoundError),
        (429, VaultUnavailableError),
        (500, VaultUnavailableError),
        (503, VaultUnavailableError),
    ],
)
def test_errors(status: int, kind: type[DeploymentError]) -> None:
    answer: Callable[[Request], Response] = lambda _: Response('{"errors": ["no"]}', status)  # noqa: E731
    with http_server(answer) as port:
        client = VaultClient(f"http://127.0.0.1:{port}", TOKEN)
        with pytest.raises(kind, match=f'status {status}: {{"errors": \\["no"\\]}}') as raised:
            read_snapshot(client, io.BytesIO())
        assert TOKEN not in str(raised.value)
        with pytest.raises(kind, match=f"status {status}"):
            write_snapshot(client, io.BytesIO(CONTENT), forced=False)


def test_answer_that_breaks_off() -> None:
    """Vault names no length: the answer comes in chunks, of which the last one is empty."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1 << 16)
                connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")

        server = threading.Thread(target=answer)
        server.start()
        client = VaultClient(f"http://127.0.0.1:{listener.getsockname()[1]}", TOKEN)
        with pytest.raises(VaultUnreachableError, match="broke off"):
            read_snapshot(client, io.BytesIO())
        server.join()


def test_nobody_there() -> None:
    with pytest.raises(VaultUnreachableError, match="no answer from Vault"):
        read_snapshot(VaultClient("http://127.0.0.1:9", TOKEN), io.BytesIO())
