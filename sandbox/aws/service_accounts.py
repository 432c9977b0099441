"""Reads service accounts from the cluster's API server, with the administrator's kubeconfig."""

import base64
import json
import ssl
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from sandbox.errors import SandboxError

TIMEOUT_SECONDS = 5.0


class ServiceAccountError(SandboxError):
    """A service account could not be read."""


class ServiceAccounts:
    """The cluster's service accounts. The kubeconfig is read at each use: the cluster starts after AWS."""

    def __init__(self, kubeconfig: Path) -> None:
        self._kubeconfig = kubeconfig

    def annotations(self, namespace: str, name: str) -> Mapping[str, str]:
        """Return the annotations of a service account.

        Raises ServiceAccountError if there is no kubeconfig, no answer within five seconds, or no such
        account.
        """
        try:
            server, context = self._connection()
            url = f"{server}/api/v1/namespaces/{quote(namespace)}/serviceaccounts/{quote(name)}"
            with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS, context=context) as answer:  # noqa: S310 https
                account = json.load(answer)
        except (OSError, ValueError, LookupError, TypeError, yaml.YAMLError) as error:
            raise ServiceAccountError(f"service account {namespace}/{name}: {error}") from error
        annotations: Mapping[str, str] = account["metadata"].get("annotations", {})
        return annotations

    def _connection(self) -> tuple[str, ssl.SSLContext]:
        config = yaml.safe_load(self._kubeconfig.read_text())
        current = _named(config["contexts"], config["current-context"])["context"]
        cluster = _named(config["clusters"], current["cluster"])["cluster"]
        user = _named(config["users"], current["user"])["user"]
        context = ssl.create_default_context(cadata=_content(cluster, "certificate-authority").decode())
        # ssl loads a client's certificate from a file only.
        with tempfile.NamedTemporaryFile() as pair:
            pair.write(_content(user, "client-certificate") + b"\n" + _content(user, "client-key"))
            pair.flush()
            context.load_cert_chain(pair.name)
        return str(cluster["server"]), context


def _named(entries: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(entry for entry in entries if entry["name"] == name)


def _content(section: Mapping[str, str], name: str) -> bytes:
    """Return a kubeconfig's file: written into it in base64, or named by its path."""
    if f"{name}-data" in section:
        return base64.b64decode(section[f"{name}-data"], validate=True)
    return Path(section[name]).read_bytes()
