"""HTTP servers on the loopback for one test, which answer by a function or with files."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

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


@contextmanager
def file_server(
    folder: Path, user: tuple[str, str] | None = None, tls: ssl.SSLContext | None = None
) -> Iterator[str]:
    """Serve the folder's files until the block ends; gives the URL.

    ``user``: name and password, without which the answer is 401; None for everybody.
    """

    def answer(asked: Request) -> Response:
        given = asked.authorization
        if user is not None and (given is None or (given.username, given.password) != user):
            return Response(status="401 Unauthorized")
        file = folder / asked.path.lstrip("/")
        return Response(file.read_bytes()) if file.is_file() else Response(status=404)

    with http_server(answer, tls) as port:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{port}"
