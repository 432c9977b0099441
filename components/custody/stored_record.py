"""What every store does with a record: reading it back, and keeping it out of what is said of a failure."""

import base64

from components.custody.key_record import KeyRecord, KeyRecordError
from components.custody.key_store import KeyStoreError

_SHORTEST_PIECE = 12


def stored_record(text: str, location: str) -> KeyRecord:
    """The record that lies at ``location``; raises :class:`KeyStoreError` where it is something else."""
    try:
        return KeyRecord.from_json(text)
    except KeyRecordError as error:
        raise KeyStoreError(
            f"What lies in {location} isn't a record of keys: {error}. It was left untouched; "
            "name another place, or move it away if it isn't needed."
        ) from None


def without_secrets(message: str, record: KeyRecord) -> str:
    """``message``, or a sentence in its place where it repeats a piece of the record.

    A service may quote what it was sent: an API server a body that it can't read, an admission webhook the
    object that it refuses, each as it came or in base64.
    """
    text = record.to_json()
    secrets = [*record.shares, record.root_token, base64.b64encode(text.encode()).decode()]
    if any(piece in message for secret in secrets for piece in _pieces(secret)):
        return "(the answer repeats a piece of the keys and isn't shown)"
    return message


def _pieces(secret: str) -> list[str]:
    last = len(secret) - _SHORTEST_PIECE
    return [secret[start : start + _SHORTEST_PIECE] for start in range(last + 1)] or [secret] * bool(secret)
