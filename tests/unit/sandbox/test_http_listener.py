"""The listener: connections stay open, and silent ones stop nobody."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from typing import Any

import pytest
from werkzeug.wrappers import Request, Response

from sandbox.certificates import CertificateAuthority
from sandbox.http_listener import LARGEST_BODY, HttpListener


def echo(environ: Any, start_response: Any) -> Any:
    request = Request(environ)
    if environ["REQUEST_METHOD"] == "HEAD":
        start_response("200 OK", [("Content-Length", "1234")])
        return []
    text = f"{request.method} {request.scheme} {environ['REQUEST_URI']} {request.path} {request.get_data()!r}"
    return Response(text, 201, {"X-Seen": request.headers.get("X-Sent", "")})(environ, start_response)


@contextmanager
def listening(tls: ssl.SSLContext | None = None) -> Iterator[int]:
    listener = HttpListener(("127.0.0.1", 0), echo, tls)
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield listener.server_port
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()


def test_a_connection_serves_many_requests() -> None:
    with listening() as port:
        connection = HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("PUT", "/a%2Fb?c=d", body=b"body", headers={"X-Sent": "text"})
        answer = connection.getresponse()
        assert answer.read().decode() == "PUT http /a%2Fb?c=d /a/b b'body'"
        assert (answer.status, answer.headers["X-Seen"]) == (201, "text")
        first = connection.sock
        connection.request("GET", "/")
        assert connection.getresponse().read().decode() == "GET http / / b''"
        assert connection.sock is first
        connection.close()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Length": str(LARGEST_BODY + 1)}, 413),
        ({"Content-Length": "many"}, 400),
        ({"Transfer-Encoding": "gzip"}, 501),
    ],
)
def test_bodies_that_are_not_taken(headers: dict[str, str], status: int) -> None:
    with listening() as port:
        connection = HTTPConnection("127.0.0.1", port, timeout=10)
        connection.putrequest("POST", "/")
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        assert connection.getresponse().status == status
        connection.close()


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (b"4\r\nbody\r\n0\r\n\r\n", "PUT http / / b'body'"),
        (b"2;note=x\r\nbo\r\n2\r\ndy\r\n0\r\nTrailer: x\r\n\r\n", "PUT http / / b'body'"),
        (b"0\r\n\r\n", "PUT http / / b''"),
    ],
)
def test_a_body_may_come_in_chunks(sent: bytes, read: str) -> None:
    with listening() as port:
        connection = HTTPConnection("127.0.0.1", port, timeout=10)
        connection.putrequest("PUT", "/")
        connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders()
        connection.send(sent)
        assert connection.getresponse().read().decode() == read
        # All of it was read.
        connection.request("GET", "/")
        assert connection.getresponse().read().decode() == "GET http / / b''"
        connection.close()


@pytest.mark.parametrize(("chunk", "status"), [(b"many\r\n", 400), (b"ffffffff\r\n", 413), (b"", 400)])
def test_chunks_that_are_not_taken(chunk: bytes, status: int) -> None:
    with listening() as port, socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1000).startswith(f"HTTP/1.1 {status} ".encode())


def test_an_answer_to_head_has_the_length_of_what_it_is_about() -> None:
    with listening() as port:
        connection = HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("HEAD", "/")
        answer = connection.getresponse()
        assert (answer.read(), answer.headers["Content-Length"]) == (b"", "1234")
        connection.close()


def test_a_silent_client_does_not_stop_others(tmp_path: Path) -> None:
    authority = CertificateAuthority.load_or_create(tmp_path, "authority")
    issued = authority.issue("server", "server", addresses=["127.0.0.1"])
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(issued.certificate, issued.key)
    with listening(tls) as port, socket.create_connection(("127.0.0.1", port)):
        trusted = ssl.create_default_context(cafile=authority.certificate)
        connection = HTTPSConnection("127.0.0.1", port, timeout=5, context=trusted)
        connection.request("GET", "/")
        assert connection.getresponse().read().decode() == "GET https / / b''"
        connection.close()


def test_an_address_may_come_into_being_later() -> None:
    # 192.0.2.0/24 is documentation's: no machine has it.
    listener = HttpListener(("192.0.2.1", 0), echo)
    assert listener.server_address[0] == "192.0.2.1"
    listener.server_close()
