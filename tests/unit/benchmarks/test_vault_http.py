"""Single requests: answers, and no answer."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from werkzeug.wrappers import Response

from sandbox.certificates import CertificateAuthority
from tests.benchmarks import vault_http
from tests.benchmarks.vault_http import Answer, Tls, call
from tests.http_server import http_server


@contextmanager
def listener(answer: bytes | None) -> Iterator[list[bytes]]:
    """Answers one request with these bytes, or with nothing for as long as the block lasts."""
    received: list[bytes] = []
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr(vault_http, "PORT", server.getsockname()[1])

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                received.append(connection.recv(65536))
                if answer is None:
                    over.wait(10)
                else:
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield received
        over.set()
        thread.join()


def test_an_answer_is_its_status_and_its_json() -> None:
    text = b'HTTP/1.1 503 Service Unavailable\r\nContent-Length: 15\r\n\r\n{"sealed":true}'

    with listener(text) as received:
        assert call("127.0.0.1", "GET", "sys/seal-status") == Answer(503, {"sealed": True})

    assert received[0].startswith(b"GET /v1/sys/seal-status HTTP/1.1\r\n")
    assert b"X-Vault-Token" not in received[0]


def test_an_empty_answer_has_an_empty_body_and_the_token_goes_along() -> None:
    with listener(b"HTTP/1.1 204 No Content\r\n\r\n") as received:
        assert call("127.0.0.1", "POST", "benchmark/probe", token="t", body={"value": "x"}) == Answer(204, {})

    assert b"X-Vault-Token: t\r\n" in received[0]


def test_a_server_that_says_nothing_in_time_or_half_an_answer_gives_none() -> None:
    with listener(None):
        assert call("127.0.0.1", "GET", "sys/health", timeout_seconds=0.1) is None
    with listener(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{"):
        assert call("127.0.0.1", "GET", "sys/health") is None


def test_nobody_there_gives_none(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(vault_http, "PORT", server.getsockname()[1])

    assert call("127.0.0.1", "GET", "sys/health") is None


def test_server_that_speaks_tls_is_verified_by_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = CertificateAuthority.load_or_create(tmp_path, "ca")
    issued = authority.issue("server", "server", names=["vault-active.vault.svc"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.certificate, issued.key)
    trusted = ssl.create_default_context(cafile=authority.certificate)
    with http_server(lambda _: Response("{}"), context) as port:
        monkeypatch.setattr(vault_http, "PORT", port)
        answers = [
            call("127.0.0.1", "GET", "sys/health", tls=tls)
            for tls in (Tls(trusted, "vault-active.vault.svc"), Tls(trusted, "vault.vault.svc"), None)
        ]
    assert answers == [Answer(200, {}), None, None]
