"""Where each custody of the program's keeps the keys, and how somebody who may reads them there."""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pysequoia

from sandbox.aws.account import ACCOUNT_ID, OPERATOR_USER
from sandbox.cluster.paths import ClusterPaths
from sandbox.layout import Layout
from sandbox.network import REGION
from tests.end_to_end.deployment import Deployment

SECRET = "vault-keys-of-the-sandbox"


@dataclass(frozen=True)
class Keys:
    """What has to stay secret."""

    root_token: str
    shares: Sequence[str]

    def by_name(self) -> Mapping[str, str]:
        """For a person."""
        shares = {f"share {number}": share for number, share in enumerate(self.shares, start=1)}
        return {"root token": self.root_token, **shares}


@dataclass(frozen=True)
class Custody:
    """One way to keep the keys."""

    name: str
    settings: Callable[[Deployment, Path], Mapping[str, object]]
    """Of the stack, given the deployment and a folder of the trial's own."""
    read: Callable[[Deployment, Path], Keys]
    """The keys, from where they belong."""
    own_places: Callable[[Layout, Path], Sequence[Path]] = lambda _layout, _folder: ()
    """Files and folders of this machine whose job it is to hold them."""
    in_state: bool = False
    """Whether the engine keeps them."""


def namespace_of(deployment: Deployment) -> str:
    """Namespace for the keys of this deployment, apart from Vault's."""
    return f"{deployment.name}-keys"


def _from_state(deployment: Deployment, _folder: Path) -> Keys:
    return _keys(deployment.outputs())


def _from_file(_deployment: Deployment, folder: Path) -> Keys:
    return _keys(json.loads((folder / "keys" / "record.json").read_text()))


def _from_kubernetes(deployment: Deployment, _folder: Path) -> Keys:
    [secret] = [
        secret
        for secret in deployment.cluster.get("secrets", f"--namespace={namespace_of(deployment)}")["items"]
        if secret["type"] == "Opaque"
    ]
    [content] = secret["data"].values()
    return _keys(json.loads(base64.b64decode(content)))


def _from_aws(deployment: Deployment, _folder: Path) -> Keys:
    answer = deployment.aws("secretsmanager").get_secret_value(SecretId=SECRET)
    return _keys(json.loads(answer["SecretString"]))


def _from_holders(deployment: Deployment, folder: Path) -> Keys:
    """From the messages to the holders, with their private keys."""
    encrypted = _keys(deployment.outputs())
    holders = private_keys(folder)
    root_token = decrypted(encrypted.root_token, holders[3])
    shares = [decrypted(share, holder) for share, holder in zip(encrypted.shares, holders, strict=False)]
    # The messages hold hexadecimal digits.
    return Keys(root_token, [base64.b64encode(bytes.fromhex(share)).decode() for share in shares])


def _pgp_settings(_deployment: Deployment, folder: Path) -> Mapping[str, object]:
    public = []
    for number in range(4):
        holder = pysequoia.Tsk.generate(
            f"Holder {number} <holder-{number}@example.com>", profile=pysequoia.Profile.RFC4880
        )
        (folder / f"holder-{number}.key").write_bytes(bytes(holder))
        public.append(base64.b64encode(bytes(holder.extract_certificate())).decode())
    return {"init": {"shares": 3, "threshold": 2, "pgpKeys": public[:3], "rootTokenPgpKey": public[3]}}


def private_keys(folder: Path) -> Sequence[pysequoia.Tsk]:
    """Keys of the three holders of shares, and of the root token's."""
    return [pysequoia.Tsk.from_bytes((folder / f"holder-{number}.key").read_bytes()) for number in range(4)]


def decrypted(message: str, holder: Any) -> str:
    """What a PGP message (base64) says to its holder."""
    plain = pysequoia.decrypt(base64.b64decode(message), holder.decryptor()).bytes
    assert plain is not None
    return bytes(plain).decode()


def _keys(document: Mapping[str, Any]) -> Keys:
    return Keys(document["root_token"], document["recovery_shares"] or document["key_shares"])


STATE = Custody("state", lambda _deployment, _folder: {}, _from_state, in_state=True)
STATE_FOR_HOLDERS = Custody("state, to PGP keys", _pgp_settings, _from_holders)
FILE = Custody(
    "file",
    lambda _deployment, folder: {"custody": {"store": "file", "path": str(folder / "keys" / "record.json")}},
    _from_file,
    lambda _layout, folder: [folder / "keys"],
)
KUBERNETES_SECRET = Custody(
    "kubernetes-secret",
    lambda deployment, _folder: {
        "custody": {"store": "kubernetes-secret", "namespace": namespace_of(deployment)}
    },
    _from_kubernetes,
    lambda layout, _folder: [ClusterPaths.of(layout).etcd],
)
AWS_SECRETS_MANAGER = Custody(
    "aws-secrets-manager",
    lambda _deployment, _folder: {
        "custody": {
            "store": "aws-secrets-manager",
            "name": SECRET,
            "region": REGION,
            "readers": [f"arn:aws:iam::{ACCOUNT_ID}:user/{OPERATOR_USER}"],
        }
    },
    _from_aws,
)
