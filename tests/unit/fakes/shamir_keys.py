"""Keys of a Vault with Shamir's seal, in a store."""

from pathlib import Path
from typing import Any

from components.custody.key_record import KeyRecord
from components.custody.key_store import store_to_properties
from tests.unit.fakes import scripted_store
from tests.unit.fakes.init_inputs import DEPLOYMENT

OTHER_SHARES = ("b3RoZXItMQ==", "b3RoZXItMg==", "b3RoZXItMw==")


def record() -> KeyRecord:
    return KeyRecord(
        deployment=DEPLOYMENT,
        seal_type="shamir",
        seal_key="",
        threshold=2,
        root_token="hvs.root",
        key_shares=OTHER_SHARES,
    )


def in_store(folder: Path) -> dict[str, Any]:
    return store_to_properties(scripted_store.__name__, scripted_store.Store(str(folder)))
