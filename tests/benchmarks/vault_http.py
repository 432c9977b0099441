"""Single requests to Vault's API, straight to an address of the pods' network, as cheap as they can be.

A connection each: what a Service leads to is decided anew for every connection.
"""

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PORT = 8200


@dataclass(frozen=True)
class Answer:
    """What came back. ``body`` is empty where Vault had nothing to say."""

    status: int
    body: Mapping[str, Any]


def call(
    address: str,
    method: str,
    path: str,
    *,
    token: str = "",
    body: Mapping[str, object] | None = None,
    timeout_seconds: float = 2.0,
) -> Answer | None:
    """One request to ``/v1/<path>``; None where no (whole) answer came within the time."""
    connection = http.client.HTTPConnection(address, PORT, timeout=timeout_seconds)
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
