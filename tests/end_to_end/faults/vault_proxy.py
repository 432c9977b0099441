"""A proxy of the tests between the program and Vault's pods, which can do what networks and machines do.

The setting `podAddress` leads the program here; nothing in the program knows of it.
"""

import base64
import contextlib
import http.client
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

FORWARD_SECONDS = 300
"""Longer than any time-out of the program, so that the proxy never decides."""

_HOP_BY_HOP = {"connection", "host", "content-length", "transfer-encoding", "keep-alive"}
_SHARES = ("keys", "keys_base64", "recovery_keys", "recovery_keys_base64")
_POD = "Authorization"
"""The header that says which pod is asked for: the address has the pod as a user's name."""


@dataclass(frozen=True, repr=False)
class Answer:
    """What Vault answered. Not to be printed."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, repr=False)
class Exchange:
    """One request of the program's, which an interceptor answers or cuts off. Not to be printed."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    vault: str
    """Base URL of the pod."""
    _handler: "_Handler"

    def forward(self) -> Answer:
        """What Vault says to it; raises :class:`OSError` or ``HTTPException`` where it says nothing."""
        connection = http.client.HTTPConnection(urlsplit(self.vault).netloc, timeout=FORWARD_SECONDS)
        with contextlib.closing(connection):
            connection.request(self.method, self.path, self.body or None, dict(self.headers))
            response = connection.getresponse()
            headers = {
                name: value for name, value in response.getheaders() if name.lower() not in _HOP_BY_HOP
            }
            answer = Answer(response.status, headers, response.read())
        self._handler.server.proxy.remember(answer)
        return answer

    def deliver(self, answer: Answer) -> None:
        """Hands Vault's answer to the program, where that still listens."""
        with contextlib.suppress(ConnectionError):
            self._handler.respond(answer)

    def pass_on(self) -> None:
        """As if there were no proxy."""
        try:
            answer = self.forward()
        except (OSError, http.client.HTTPException):
            self.cut()
        else:
            self.deliver(answer)

    def cut(self) -> None:
        """Breaks the connection to the program, without a word."""
        self._handler.reset()


Interceptor = Callable[[Exchange], None]


class VaultProxy:
    """Listens on the loopback and leads to Vault's pods, whose addresses are asked for at each request."""

    def __init__(self, vault: Callable[[str], str | None]) -> None:
        self._vault = vault
        self._interceptors: dict[str, list[Interceptor]] = {}
        self._lock = threading.Lock()
        self._failure: BaseException | None = None
        self.given: set[str] = set()
        """Every share that Vault has answered with, also those that never reached the program."""
        self._server = _Server(self)

    @property
    def address(self) -> str:
        """Base URL of a pod, with ``{pod}`` for its name."""
        return f"http://{{pod}}:@127.0.0.1:{self._server.server_port}"

    def on_write(self, path: str, interceptor: Interceptor, skipped: int = 0) -> None:
        """Has the next request that writes to this path, after so many, handled by ``interceptor``."""
        for _ in range(skipped):
            self._intercept(f"write {path}", Exchange.pass_on)
        self._intercept(f"write {path}", interceptor)

    def require_all_used(self) -> None:
        """Fails where an interceptor failed, or was never reached: then nothing was injected."""
        if self._failure is not None:
            raise AssertionError(f"an interceptor failed: {self._failure!r}") from self._failure
        assert not self._interceptors, f"never asked for: {', '.join(self._interceptors)}"

    def remember(self, answer: Answer) -> None:
        """Note the shares in an answer of Vault's."""
        with contextlib.suppress(ValueError, AttributeError):
            document = json.loads(answer.body)
            self.given.update(share for field in _SHARES for share in document.get(field) or ())

    def handle(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, handler: "_Handler"
    ) -> None:
        """One request of the program's."""
        kind = "read" if method in {"GET", "LIST", "HEAD"} else "write"
        interceptor = self._take(f"{kind} {path.removeprefix('/v1/')}")
        vault = self._vault(_pod(headers))
        if vault is None:
            handler.reset()
            return
        kept = {
            name: value for name, value in headers.items() if name.lower() not in _HOP_BY_HOP and name != _POD
        }
        exchange = Exchange(method, path, kept, body, vault, handler)
        try:
            (interceptor or Exchange.pass_on)(exchange)
        except BaseException as error:
            self._failure = error
            exchange.cut()

    @contextlib.contextmanager
    def serving(self) -> Iterator["VaultProxy"]:
        """Answers for as long as the block lasts."""
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()

    def _intercept(self, request: str, interceptor: Interceptor) -> None:
        with self._lock:
            self._interceptors.setdefault(request, []).append(interceptor)

    def _take(self, request: str) -> Interceptor | None:
        with self._lock:
            waiting = self._interceptors.pop(request, [])
            if waiting[1:]:
                self._interceptors[request] = waiting[1:]
            return waiting[0] if waiting else None


def _pod(headers: Mapping[str, str]) -> str:
    return base64.b64decode(headers[_POD].removeprefix("Basic ")).decode().rstrip(":")


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, proxy: VaultProxy) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.proxy = proxy


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_any(self) -> None:
        """Every method."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.proxy.handle(self.command, self.path, dict(self.headers), body, self)

    do_GET = do_PUT = do_POST = do_DELETE = do_LIST = do_any  # noqa: N815

    def respond(self, answer: Answer) -> None:
        """Writes the answer."""
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def reset(self) -> None:
        """Ends the connection with a reset, as a tunnel that breaks does."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.shutdown(socket.SHUT_RDWR)
            self.connection.close()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Says nothing."""
