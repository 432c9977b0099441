"""An HTTP server on the loopback for one test, which answers by a function."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from werkzeug.wrappers import Request, Response

from sandbox.http_listener import HttpListener


@contextmanager
def http_server(
    answer: Callable[[Request], Response], tls: ssl.SSLContext | None = None, port: int = 0
) -> Iterator[int]:
    """Serve the function's answers until the block ends; gives the port. Several are asked for at a time.

    Without ``port`` it is a free one.
    """
    with HttpListener(("127.0.0.1", port), Request.application(answer), tls) as listener:
        thread = threading.Thread(target=listener.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield listener.server_port
        finally:
            listener.shutdown()
            thread.join()
