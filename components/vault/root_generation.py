"""Vault's calls for a new root token out of the shares (`sys/generate-root`), typed.

There is one attempt at a time, in the memory of the leader: it ends when it is complete, when somebody
cancels it, and when another server becomes the leader (vault/generate_root.go). Up to Vault 1.x the calls
need no token; from 2.0 on they do, unless the server's configuration names them in
`enable_unauthenticated_access`.
"""

import base64
from dataclasses import dataclass

from components.vault.client import VaultClient, VaultRefusedError, VaultUnavailableError

ATTEMPT = "sys/generate-root/attempt"
UPDATE = "sys/generate-root/update"

# The attempt is gone: another server leads now, or somebody cancelled it.
ENDED = ("no root generation in progress", "incorrect nonce supplied")


@dataclass(frozen=True)
class RootGenerationStatus:
    """Whether an attempt runs, and what one needs."""

    started: bool
    nonce: str
    """Names the attempt; empty where none runs."""
    required: int
    """Shares needed, which is the threshold of the shares that are valid now."""


@dataclass(frozen=True, repr=False)
class RootGenerationAttempt:
    """An attempt that was started here. Not to be printed, hence without a repr of its fields."""

    nonce: str
    required: int
    """Shares needed."""
    one_time_pad: str
    """What the new token comes encoded with; only this answer of Vault has it."""


class RootGeneration:
    """The calls; each raises as those of :class:`VaultClient` do."""

    def __init__(self, client: VaultClient) -> None:
        self._client = client

    def status(self) -> RootGenerationStatus:
        """The attempt that runs, whoever started it."""
        answer = self._client.request("GET", ATTEMPT)
        return RootGenerationStatus(
            started=bool(answer["started"]),
            nonce=str(answer.get("nonce") or ""),
            required=int(answer["required"]),
        )

    def start(self) -> RootGenerationAttempt:
        """Starts an attempt with a pad that Vault chooses; refused while another runs."""
        answer = self._client.request("PUT", ATTEMPT, {})
        return RootGenerationAttempt(
            nonce=str(answer["nonce"]), required=int(answer["required"]), one_time_pad=str(answer["otp"])
        )

    def submit(self, share: str, nonce: str) -> str:
        """Gives one share to the attempt; whether the shares are right shows only with the last one.

        That one's answer is the encoded token, to be decoded by :func:`decoded_token`; the others' is empty.
        """
        try:
            answer = self._client.request("PUT", UPDATE, {"key": share, "nonce": nonce})
        except VaultRefusedError as error:
            if any(words in str(error) for words in ENDED):
                raise VaultUnavailableError(f"the attempt at a root token was ended: {error}") from None
            raise
        return str(answer.get("encoded_token") or "")

    def cancel(self) -> None:
        """Ends the attempt that runs, whoever started it."""
        self._client.request("DELETE", ATTEMPT)


def decoded_token(encoded: str, attempt: RootGenerationAttempt) -> str:
    """The new token: the encoded one, base64 without padding, XORed with the pad (sdk/helper/roottoken)."""
    content = base64.b64decode(encoded + "=" * (-len(encoded) % 4))
    pad = attempt.one_time_pad.encode()
    return bytes(left ^ right for left, right in zip(content, pad, strict=True)).decode()
