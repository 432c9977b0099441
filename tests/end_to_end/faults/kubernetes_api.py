"""The API server of the sandbox's cluster over one connection, for those who ask often."""

import base64
from pathlib import Path
from typing import Any

import requests
import yaml

_CALL_SECONDS = 10


class KubernetesApi:
    """Asks with the administrator's certificate, which lies in ``folder`` meanwhile."""

    def __init__(self, kubeconfig: Path, folder: Path) -> None:
        document: dict[str, Any] = yaml.safe_load(kubeconfig.read_text())
        cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
        self._server: str = cluster["server"]
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = _file(folder, "ca", cluster["certificate-authority-data"])
        self._session.cert = (
            _file(folder, "certificate", user["client-certificate-data"]),
            _file(folder, "key", user["client-key-data"]),
        )

    def get(self, path: str, accept: str = "application/json") -> requests.Response:
        """The answer, whatever it is."""
        return self._session.get(f"{self._server}{path}", headers={"Accept": accept}, timeout=_CALL_SECONDS)


def _file(folder: Path, name: str, encoded: str) -> str:
    path = folder / name
    path.touch(mode=0o600)
    path.write_bytes(base64.b64decode(encoded))
    return str(path)
