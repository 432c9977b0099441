"""A proxy that lets nothing through, so that no test of Google's library reaches the internet.

The library looks up more than it is asked to: a service account's allowed locations, for one.
"""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class RefusingProxy:
    """The running proxy."""

    url: str
    asked: list[str] = field(default_factory=list)
    """Host and port of every connection that was asked for."""


@contextlib.contextmanager
def run_refusing_proxy() -> Iterator[RefusingProxy]:
    """On a free port of the loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            proxy.asked.append(self.path)
            self.send_error(403)

        def log_message(self, *_args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        proxy = RefusingProxy(url=f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join()
