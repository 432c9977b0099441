"""The proof that shares are worth something: Vault makes a root token from them."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import requests

from tests.end_to_end.running_vault import poll

_CALL_SECONDS = 10


def prove_by_generate_root(addresses: Sequence[str], shares: Sequence[str], threshold: int) -> None:
    """Has the active server make a root token from the last ``threshold`` shares, uses it and revokes it.

    Spoken to by plain HTTP, past all code of the program. Fails where it isn't possible.
    """
    poll("a Vault is unsealed and active", 120, lambda: any(map(_is_active, addresses)))
    address = next(address for address in addresses if _is_active(address))
    assert len(set(shares)) >= threshold > 0, f"{len(set(shares))} shares, and {threshold} are needed"
    attempt = _call("PUT", address, "sys/generate-root/attempt", json={})
    progress: Mapping[str, Any] = {}
    for share in shares[-threshold:]:
        progress = _call(
            "PUT", address, "sys/generate-root/update", json={"key": share, "nonce": attempt["nonce"]}
        )
    assert progress.get("complete") is True, "Vault wants more shares than are said to be enough"
    token = decode_token(str(progress["encoded_token"]), str(attempt["otp"]))
    assert _call("GET", address, "auth/token/lookup-self", token=token)["data"]["policies"] == ["root"]
    _call("PUT", address, "auth/token/revoke-self", token=token)


def decode_token(encoded: str, one_time_pad: str) -> str:
    """The token in Vault's answer: base64 without padding, XORed with the pad."""
    sealed = base64.b64decode(encoded + "=" * (-len(encoded) % 4))
    return bytes(left ^ right for left, right in zip(sealed, one_time_pad.encode(), strict=True)).decode()


def _is_active(address: str) -> bool:
    try:
        return requests.get(f"{address}/v1/sys/health", timeout=_CALL_SECONDS).status_code == 200
    except requests.exceptions.RequestException:
        return False


def _call(
    method: str, address: str, path: str, *, token: str = "", json: Mapping[str, Any] | None = None
) -> Mapping[str, Any]:
    response = requests.request(
        method, f"{address}/v1/{path}", headers={"X-Vault-Token": token}, json=json, timeout=_CALL_SECONDS
    )
    assert response.ok, f"{path}: {response.status_code} {response.text}"
    answer: Mapping[str, Any] = response.json() if response.content else {}
    return answer
