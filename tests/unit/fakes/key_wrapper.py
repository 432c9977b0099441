"""A seal's key that wraps nothing, for tests of what it wraps."""

import base64
from collections.abc import Mapping
from typing import ClassVar

from components.seal_preflight import KeyWrapper


class PlainWrapper(KeyWrapper):
    """Hands the key on in base64."""

    kind: ClassVar[str] = "plain"
    key_field: ClassVar[str] = "key"

    def __init__(self, key_name: str = "seal-key") -> None:
        self._key_name = key_name

    @property
    def key_name(self) -> str:
        return self._key_name

    def wrap(self, key: bytes, _deployment: str) -> Mapping[str, str]:
        return {"wrapped_key": base64.b64encode(key).decode()}

    def unwrap(self, header: Mapping[str, str], _deployment: str) -> bytes:
        return base64.b64decode(header["wrapped_key"], validate=True)
