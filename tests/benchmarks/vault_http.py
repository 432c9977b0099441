"""Single requests to Vault's API, straight to an address of the pods' network, as cheap as they can be.

A connection each: what a Service leads to is decided anew for every connection.
"""

import http.client
import json
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PORT = 8200


@dataclass(frozen=True)
class Answer:
    """What came back. ``body`` is empty where Vault had nothing to say."""

    status: int
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Tls:
    """How servers that speak TLS are verified."""

    context: ssl.SSLContext
    name: str
    """The name that all of their certificates have."""


class _Connection(http.client.HTTPConnection):
    """A connection to an address, over TLS if there is ``tls``."""

    def __init__(self, address: str, timeout_seconds: float, tls: Tls | None) -> None:
        super().__init__(address, PORT, timeout=timeout_seconds)
        self._tls = tls

    def connect(self) -> None:
        super().connect()
        if self._tls is not None:
            plain: socket.socket = self.sock
            self.sock = self._tls.context.wrap_socket(plain, server_hostname=self._tls.name)


def call(
    address: str,
    method: str,
    path: str,
    *,
    token: str = "",
    body: Mapping[str, object] | None = None,
    timeout_seconds: float = 2.0,
    tls: Tls | None = None,
) -> Answer | None:
    """One request to ``/v1/<path>``; None where no (whole) answer came within the time."""
    connection = _Connection(address, timeout_seconds, tls)
    try:
        connection.request(
            method,
            f"/v1/{path}",
            body=None if body is None else json.dumps(body),
            headers={"X-Vault-Token": token} if token else {},
        )
        response = connection.getresponse()
        text = response.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return Answer(response.status, json.loads(text) if text else {})
