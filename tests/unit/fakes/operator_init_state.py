"""The resource of the one-time init as the state has it."""

import hashlib
from collections.abc import Mapping
from typing import Any

from tests.unit.fakes.init_inputs import DEPLOYMENT, init_inputs
from tests.unit.fakes.scripted_vault import ROOT_TOKEN, SHARES

KEYS: Mapping[str, Any] = {
    "cluster_initialized_here": True,
    "vault_version": "1.18.1",
    "deployment": DEPLOYMENT,
    "keys_location": "the stack's state",
    "keys_version": "",
    "keys_fingerprint": f"sha256:{hashlib.sha256(chr(10).join(SHARES).encode()).hexdigest()}",
    "root_token": ROOT_TOKEN,
    "recovery_shares": SHARES,
    "key_shares": [],
}


def state(**changed: Any) -> dict[str, Any]:
    return {**init_inputs(), **KEYS, "__provider": "a reference", **changed}
