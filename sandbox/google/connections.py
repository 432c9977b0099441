"""Port 443 of Google's hosts, for HTTP and gRPC, and the proxy that leads the host's programs to it.

Google tells the two apart after the TLS handshake, and here it is done before: a gRPC client offers HTTP/2
and nothing else (ALPN, RFC 7301), any other one HTTP/1.1 too, or doesn't care.
"""

import contextlib
import logging
import selectors
import socket
import ssl
import time
from collections.abc import Collection, Iterator
from typing import Any
from wsgiref.types import WSGIApplication

from sandbox.http_listener import HANDSHAKE_SECONDS, HttpListener

LOGGER = logging.getLogger(__name__)
_CHUNK = 64 * 1024
_LARGEST_HELLO = 16 * 1024
_ALPN_EXTENSION = 16
_CONNECT = b"CONNECT "


class ServiceListener(HttpListener):
    """Google's hosts on one address: TLS, then HTTP here or gRPC at ``grpc_port`` of the loopback."""

    def __init__(
        self, address: tuple[str, int], application: WSGIApplication, tls: ssl.SSLContext, grpc_port: int
    ) -> None:
        self._grpc_port = grpc_port
        super().__init__(address, application, tls)

    def finish_request(self, request: Any, client_address: Any) -> None:
        request.settimeout(HANDSHAKE_SECONDS)
        if offered_protocols(_peeked_hello(request)) == ["h2"]:
            with socket.create_connection(("127.0.0.1", self._grpc_port)) as server:
                _join(request, server)
        else:
            super().finish_request(request, client_address)


class ProxyListener(HttpListener):
    """A proxy for ``hosts`` and for nothing else; what it is asked itself, ``application`` answers.

    https://www.rfc-editor.org/rfc/rfc9110#name-connect.
    """

    def __init__(
        self,
        address: tuple[str, int],
        application: WSGIApplication,
        services: ServiceListener,
        hosts: Collection[str],
    ) -> None:
        self._services = services
        self._targets = {f"{host}:443" for host in hosts}
        super().__init__(address, application)

    def finish_request(self, request: Any, client_address: Any) -> None:
        request.settimeout(HANDSHAKE_SECONDS)
        if _peeked(request, len(_CONNECT)) != _CONNECT:
            super().finish_request(request, client_address)
            return
        target = _read_head(request).split(b" ")[1].decode("latin-1")
        if target in self._targets:
            request.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self._services.finish_request(request, client_address)
        else:
            LOGGER.warning("a connection to %s was refused", target)
            text = f"The sandbox leads to its own Google Cloud only, and {target} isn't in it.\n".encode()
            request.sendall(
                b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Type: text/plain\r\n"
                b"Content-Length: %d\r\n\r\n%s" % (len(text), text)
            )


def offered_protocols(hello: bytes) -> list[str]:
    """Return the protocols that a TLS client offers in its first message (RFC 8446, section 4.1.2)."""
    with contextlib.suppress(IndexError, ValueError):
        for kind, content in _extensions(hello):
            if kind == _ALPN_EXTENSION:
                return list(_names(content[2:]))
    return []


def _extensions(hello: bytes) -> Iterator[tuple[int, bytes]]:
    # The record's header and the message's, the version and the random; three fields of which each tells its
    # length; the extensions' length.
    position = 5 + 4 + 2 + 32
    for width in (1, 2, 1):
        position += width + int.from_bytes(hello[position : position + width], "big")
    position += 2
    while position + 4 <= len(hello):
        content = hello[position + 4 :][: int.from_bytes(hello[position + 2 : position + 4], "big")]
        yield int.from_bytes(hello[position : position + 2], "big"), content
        position += 4 + len(content)


def _names(content: bytes) -> Iterator[str]:
    while content:
        name, content = content[1 : 1 + content[0]], content[1 + content[0] :]
        if name:
            yield name.decode("ascii")


def _peeked_hello(connection: socket.socket) -> bytes:
    """Peek at the first record of a connection, which stays to be read."""
    header = _peeked(connection, 5)
    if len(header) < 5 or header[0] != 22:
        return b""
    return _peeked(connection, min(5 + int.from_bytes(header[3:5], "big"), _LARGEST_HELLO))


def _peeked(connection: socket.socket, count: int) -> bytes:
    """Peek at the next bytes, fewer if the connection ends or no more come in time."""
    deadline = time.monotonic() + HANDSHAKE_SECONDS
    while True:
        content = connection.recv(count, socket.MSG_PEEK)
        if not content or len(content) == count or time.monotonic() > deadline:
            return content
        # A peek waits for the first byte only.
        time.sleep(0.01)


def _read_head(connection: socket.socket) -> bytes:
    """Read a request's line and headers. Raises ConnectionError if the connection ends in them."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        # One by one: what follows is another's to read.
        read = connection.recv(1)
        if not read or len(head) > _LARGEST_HELLO:
            raise ConnectionError("the request to the proxy has no end")
        head += read
    return head


def _join(first: socket.socket, second: socket.socket) -> None:
    """Carry bytes both ways until one of the two ends."""
    first.settimeout(None)
    with selectors.DefaultSelector() as selector:
        selector.register(first, selectors.EVENT_READ, (first, second))
        selector.register(second, selectors.EVENT_READ, (second, first))
        while True:
            for key, _ in selector.select():
                source, target = key.data
                content = source.recv(_CHUNK)
                if not content:
                    return
                target.sendall(content)
