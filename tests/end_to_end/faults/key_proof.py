"""The proof that shares are worth something: Vault makes a root token from them."""

import base64
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import requests

from tests.end_to_end.running_vault import poll

_CALL_SECONDS = 10


def prove_by_generate_root(
    addresses: Sequence[str],
    shares: Sequence[str],
    threshold: int,
    session: requests.Session | None = None,
) -> None:
    """Has the active server make a root token from the last ``threshold`` shares, uses it and revokes it.

    Spoken to past all code of the program, over ``session`` if TLS has to be verified. Fails where it isn't
    possible.
    """
    session = session or requests.Session()

    def is_active(address: str) -> bool:
        try:
            return session.get(f"{address}/v1/sys/health", timeout=_CALL_SECONDS).status_code == 200
        except requests.exceptions.RequestException:
            return False

    poll("a Vault is unsealed and active", 120, lambda: any(map(is_active, addresses)))
    call = partial(_call, session, next(address for address in addresses if is_active(address)))
    assert len(set(shares)) >= threshold > 0, f"{len(set(shares))} shares, and {threshold} are needed"
    attempt = call("PUT", "sys/generate-root/attempt", json={})
    progress: Mapping[str, Any] = {}
    for share in shares[-threshold:]:
        progress = call("PUT", "sys/generate-root/update", json={"key": share, "nonce": attempt["nonce"]})
    assert progress.get("complete") is True, "Vault wants more shares than are said to be enough"
    token = decode_token(str(progress["encoded_token"]), str(attempt["otp"]))
    assert call("GET", "auth/token/lookup-self", token=token)["data"]["policies"] == ["root"]
    call("PUT", "auth/token/revoke-self", token=token)


def decode_token(encoded: str, one_time_pad: str) -> str:
    """The token in Vault's answer: base64 without padding, XORed with the pad."""
    sealed = base64.b64decode(encoded + "=" * (-len(encoded) % 4))
    return bytes(left ^ right for left, right in zip(sealed, one_time_pad.encode(), strict=True)).decode()


def _call(
    session: requests.Session,
    address: str,
    method: str,
    path: str,
    *,
    token: str = "",
    json: Mapping[str, Any] | None = None,
) -> Mapping[str, Any]:
    response = session.request(
        method, f"{address}/v1/{path}", headers={"X-Vault-Token": token}, json=json, timeout=_CALL_SECONDS
    )
    assert response.ok, f"{path}: {response.status_code} {response.text}"
    answer: Mapping[str, Any] = response.json() if response.content else {}
    return answer
