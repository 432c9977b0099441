"""A proxy before a cloud or a cluster, which interrupts a run when actions are done and nobody knows it."""

import http.client
import ssl
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from typing_extensions import override

_BETWEEN_TWO = frozenset({"connection", "content-length", "date", "server", "transfer-encoding"})
"""Headers that each connection has of its own."""
_WITHHELD_SECONDS = 150


class Target(ABC):
    """What the proxy stands before."""

    tunnel: ssl.SSLContext | None = None
    """The certificates of its hosts, if clients ask for a tunnel to them."""
    withholds_conflicts = False
    """Whether a run that is to be interrupted isn't told either that something exists already.

    The first error ends a program, so that whatever it hasn't registered by then is never created.
    """

    @abstractmethod
    def connect(self, host: str) -> http.client.HTTPConnection:
        """Return a connection to it; ``host`` is the one that the client asks for."""

    @abstractmethod
    def action(self, request: BaseHTTPRequestHandler, body: bytes) -> str:
        """Return what a request does, by the name that the table of interruptions has for it."""


class InterruptingProxy(ThreadingHTTPServer):
    """Passes requests on as they are: their signature has the host in it that the client sees."""

    daemon_threads = True

    def __init__(self, target: Target) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = target
        self._awaited: Set[str] = frozenset()
        self._done: set[str] = set()
        self._interrupt: Callable[[], None] | None = None
        self._interrupted = threading.Event()
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """What the stack takes for the target, or for the way to it."""
        return f"http://127.0.0.1:{self.server_port}"

    def interrupt_after(self, actions: Set[str], interrupt: Callable[[], None]) -> None:
        """Call ``interrupt`` once, when all of the actions are carried out and nobody has an answer."""
        with self._lock:
            self._awaited, self._interrupt = actions, interrupt
            self._done.clear()
            self._interrupted.clear()

    def carried_out(self, action: str) -> None:
        """Interrupt the run if this is the last of the actions; withhold the answer if it isn't."""
        with self._lock:
            if action not in self._awaited or self._interrupt is None:
                return
            self._done.add(action)
            interrupt = self._interrupt if self._done == self._awaited else None
            if interrupt is not None:
                self._interrupt = None
        if interrupt is None:
            self._interrupted.wait(_WITHHELD_SECONDS)
            return
        interrupt()
        self._interrupted.set()

    def conflicted(self) -> None:
        """Withhold the answer if the run is to be interrupted, and the target wants it."""
        with self._lock:
            awaited = self._interrupt is not None
        if awaited and self.target.withholds_conflicts:
            self._interrupted.wait(_WITHHELD_SECONDS)

    @override
    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore that the client of an interrupted run is gone."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: InterruptingProxy

    def log_message(self, format: str, *_arguments: Any) -> None:  # noqa: A002 - the name of the base class
        """Say nothing."""

    def do_CONNECT(self) -> None:
        """Be the host that the client wants a tunnel to."""
        assert self.server.target.tunnel is not None
        self.send_response(http.client.OK)
        self.end_headers()
        self.request = self.server.target.tunnel.wrap_socket(self.connection, server_side=True)
        self.setup()
        self.close_connection = False

    def do_POST(self) -> None:
        """Pass a request on, and its answer back."""
        body = self._body()
        connection = self.server.target.connect(self.headers["Host"])
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in ("content-length", "transfer-encoding"):
                connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if answer.status < http.client.BAD_REQUEST:
            self.server.carried_out(self.server.target.action(self, body))
        elif answer.status == http.client.CONFLICT:
            self.server.conflicted()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _BETWEEN_TWO:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        # kubectl sends so what it reads from its input.
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    do_DELETE = do_GET = do_PATCH = do_PUT = do_POST  # noqa: N815 - as above


@contextmanager
def interrupting_proxy(target: Target) -> Iterator[InterruptingProxy]:
    """Run the proxy."""
    proxy = InterruptingProxy(target)
    thread = threading.Thread(target=proxy.serve_forever)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        thread.join()
        proxy.server_close()
