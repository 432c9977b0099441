"""A server that sends every request elsewhere, and what arrives there."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from werkzeug.wrappers import Request, Response

from tests.http_server import http_server


@dataclass
class Redirection:
    """The server's address, and the requests that were sent on by whoever asked it."""

    address: str = ""
    arrived: list[str] = field(default_factory=list)


@contextlib.contextmanager
def redirecting_server(status: int) -> Iterator[Redirection]:
    """Redirect with this status to another server, which answers everything with an empty object."""
    found = Redirection()

    def elsewhere(asked: Request) -> Response:
        found.arrived.append(f"{asked.method} {asked.path}")
        return Response("{}", 200, content_type="application/json")

    with http_server(elsewhere) as port:

        def redirect(asked: Request) -> Response:
            return Response("", status, {"Location": f"http://127.0.0.1:{port}{asked.path}"})

        with http_server(redirect) as redirecting:
            found.address = f"http://127.0.0.1:{redirecting}"
            yield found
