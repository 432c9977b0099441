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
        ({"Transfer-Encoding": "chunked"}, 411),
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
