"""A proxy between a stack and AWS, which interrupts a run when an action is done and nobody knows it yet."""

import http.client
import threading
from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from typing_extensions import override

_BETWEEN_TWO = frozenset({"connection", "content-length", "date", "server", "transfer-encoding"})
"""Headers that each connection has of its own."""


class InterruptingProxy(ThreadingHTTPServer):
    """Passes requests on as they are: their signature has the host in it that the client sees."""

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = urlsplit(target).netloc
        self._actions: Set[str] = frozenset()
        self._interrupt: Callable[[str], None] | None = None
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """What the stack takes for AWS."""
        return f"http://127.0.0.1:{self.server_port}"

    def interrupt_after(self, actions: Set[str], interrupt: Callable[[str], None]) -> None:
        """Call ``interrupt`` once, when AWS has carried out one of the actions and nobody has the answer."""
        with self._lock:
            self._actions, self._interrupt = actions, interrupt

    def carried_out(self, action: str) -> None:
        """Interrupt the run, if this is the first of the actions."""
        with self._lock:
            if action not in self._actions or self._interrupt is None:
                return
            interrupt, self._interrupt = self._interrupt, None
            interrupt(action)

    @override
    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore that the client of an interrupted run is gone."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: InterruptingProxy

    def log_message(self, format: str, *_arguments: Any) -> None:  # noqa: A002 - the name of the base class
        """Say nothing."""

    def do_POST(self) -> None:
        """Pass a request on, and its answer back."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        connection = http.client.HTTPConnection(self.server.target, timeout=60)
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if answer.status < http.client.BAD_REQUEST:
            self.server.carried_out(self._action(body))
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _BETWEEN_TWO:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST  # noqa: N815 - as above

    def _action(self, body: bytes) -> str:
        """The API's name of what is asked for, in either of the protocols."""
        named = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
        return named or parse_qs(body.decode(errors="replace")).get("Action", [""])[0]


@contextmanager
def interrupting_proxy(target: str) -> Iterator[InterruptingProxy]:
    """Run the proxy in front of AWS at that URL."""
    proxy = InterruptingProxy(target)
    thread = threading.Thread(target=proxy.serve_forever)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        thread.join()
        proxy.server_close()
