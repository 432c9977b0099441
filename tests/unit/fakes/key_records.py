"""Records of keys that no Vault has."""

from typing import Any

from components.custody.key_record import KeyRecord
from components.kubernetes.kubectl import KubernetesTarget

SHARES = ("c2hhcmUtbnVtYmVyLW9uZS1vZi10aHJlZQ==", "c2hhcmUtbnVtYmVyLXR3by1vZi10aHJlZQ==")
ROOT_TOKEN = "hvs.root-token-of-no-vault"
TARGET = KubernetesTarget(kubeconfig="", context="here", namespace="vault")


def key_record(root_token: str = ROOT_TOKEN) -> KeyRecord:
    return KeyRecord(
        deployment="2b1f0c9e-uid/vault/vault",
        seal_type="awskms",
        seal_key="arn:aws:kms:eu-central-1:123456789012:key/1",
        threshold=2,
        root_token=root_token,
        recovery_shares=SHARES,
    )


def shamir_record(**changed: Any) -> KeyRecord:
    """Keys of a Vault that is unsealed with them."""
    values: dict[str, Any] = {
        "deployment": "uid/vault/vault",
        "seal_type": "shamir",
        "seal_key": "",
        "threshold": 2,
        "root_token": ROOT_TOKEN,
        "key_shares": SHARES,
        "cluster_id": "7d",
        **changed,
    }
    return KeyRecord(**values)
