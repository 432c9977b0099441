"""What the engine hands to the program's dynamic resources, for the servers of the loopback."""

import base64
from typing import Any

from components.journal.encryption import StackKeyCipher
from components.journal.journal import InitJournal
from tests.integration.vault_servers import ACCESS, NAME

CLUSTER_UID = "0b7e6f2c-uid"
DEPLOYMENT = f"{CLUSTER_UID}/{NAME}/{NAME}"
JOURNAL_KEY = base64.b64encode(bytes(range(32))).decode()
CIPHER = StackKeyCipher(JOURNAL_KEY)


def init_inputs(**changed: Any) -> dict[str, Any]:
    """Of the init: a seal of KMS, five shares, keys in the state."""
    return {
        "access": ACCESS.to_properties(),
        "cluster_uid": CLUSTER_UID,
        "seal_type": "awskms",
        "migrate_from": "",
        "seal_key": "arn:aws:kms:ap-northeast-2:123456789012:key/1",
        "shares": 5,
        "threshold": 3,
        "pgp_keys": [],
        "root_token_pgp_key": "",
        "adopt": False,
        "adopted_keys_file": "",
        "wipe": False,
        "replicas": 1,
        "custody": {},
        "preflight": {},
        "journal_key": JOURNAL_KEY,
        "preflight_seconds": 30,
        "pod_start_seconds": 30,
        **changed,
    }


def quorum_inputs(root_token: str, **changed: Any) -> dict[str, Any]:
    """Of the quorum of three servers, keys in the state."""
    return {
        "access": ACCESS.to_properties(),
        "deployment": DEPLOYMENT,
        "storage": "raft",
        "replicas": 3,
        "token": root_token,
        "token_needed": True,
        "custody": {},
        "keys_fingerprint": "",
        "release_revision": 1,
        "quorum_seconds": 60,
        **changed,
    }


def unseal_inputs(**changed: Any) -> dict[str, Any]:
    """Of Shamir's unsealing of three servers."""
    return {
        "access": ACCESS.to_properties(),
        "deployment": DEPLOYMENT,
        "replicas": 3,
        "key_shares": [],
        "custody": {},
        "threshold": 3,
        "quorum_seconds": 60,
        **changed,
    }


def journal() -> InitJournal:
    """The journal of that init."""
    return InitJournal(ACCESS.target, NAME, DEPLOYMENT)
