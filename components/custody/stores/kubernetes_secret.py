"""Stores keys in a Kubernetes Secret of the cluster that Vault runs on.

Everybody who may read Secrets of that namespace holds the keys, and etcd stores them in plain text unless the
API server is configured to encrypt Secrets. Permissions needed in the namespace: get, create, update and (for
the probe) delete of Secrets.
"""

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

from components.config.patterns import DNS_LABEL, DNS_NAME
from components.config.reader import ConfigReader
from components.custody.key_record import KeyRecord
from components.custody.key_store import (
    KeyReference,
    KeyStore,
    KeyStoreError,
    KeyStoreUnavailableError,
    stored_record,
    without_secrets,
)
from components.kubernetes.kubectl import KubectlError, KubernetesTarget
from components.kubernetes.owned_object import OVERTAKEN, ForeignObjectError, OwnedSecret, SeenObject

DEFAULT_NAME = "vault-operator-init"
ENTRY = "record.json"
_PROBE = "written, read and deleted before the init"

_PROBE_SUFFIX = "-probe"


@dataclass(frozen=True)
class Store(KeyStore):
    """A Secret in a namespace other than Vault's, which is deleted with the stack."""

    namespace: str
    """An existing namespace other than Vault's."""
    name: str

    @classmethod
    def from_settings(cls, reader: ConfigReader) -> Self:
        """Read `custody.namespace` and `custody.name`."""
        return cls(
            namespace=reader.required_text(
                "namespace",
                DNS_LABEL,
                "name a namespace that exists and isn't Vault's own, which is deleted with the stack",
            ),
            name=reader.text(
                "name",
                DEFAULT_NAME,
                DNS_NAME,
                "use a DNS name: a-z, 0-9, dashes and dots",
                253 - len(_PROBE_SUFFIX),
            ),
        )

    @property
    def location(self) -> str:
        """The Secret's namespace and name."""
        return f"Kubernetes Secret {self.namespace}/{self.name}"

    def probe(self, target: KubernetesTarget) -> None:
        """Create a Secret of the name with ``-probe`` appended, change, read and delete it.

        Raises :class:`KeyStoreError` also if the namespace is Vault's. See :class:`KeyStore`.
        """
        if self.namespace == target.namespace:
            raise KeyStoreError(
                f"Namespace {self.namespace!r} is Vault's own and goes away with the stack, and with it the "
                "keys; name another one that exists (custody.namespace)."
            )
        secret = self._secret(target, f"{self.name}{_PROBE_SUFFIX}")
        for _ in ("create", "update"):
            self._write(secret, _PROBE)
        found = self._read(secret)
        if found is None or found.secret_text(ENTRY) != _PROBE:
            raise KeyStoreError(
                f"Kubernetes {secret.location} doesn't hold what was just written into it. "
                "Does another update of this stack run?"
            )
        with self._asking_to("delete"):
            secret.delete(found)

    def read(self, target: KubernetesTarget) -> KeyRecord | None:
        """Return the record in the Secret; refuse a Secret of another program. See :class:`KeyStore`."""
        found = self._read(self._secret(target, self.name))
        if found is None:
            return None
        text = found.secret_text(ENTRY)
        if text is None:
            raise KeyStoreError(
                f"{self.location} has no readable entry {ENTRY!r}. It was left untouched; choose another "
                "name (custody.name)."
            )
        return stored_record(text, self.location)

    def write(self, record: KeyRecord, target: KubernetesTarget) -> KeyReference:
        """Create or replace the Secret, unless it was changed meanwhile. See :class:`KeyStore`."""
        try:
            version = self._write(self._secret(target, self.name), record.to_json())
        except KeyStoreError as error:
            raise type(error)(without_secrets(str(error), record)) from None
        return KeyReference(location=self.location, version=version)

    def _secret(self, target: KubernetesTarget, name: str) -> OwnedSecret:
        return OwnedSecret(replace(target, namespace=self.namespace), name, ENTRY)

    def _read(self, secret: OwnedSecret) -> SeenObject | None:
        try:
            with self._asking_to("get"):
                return secret.read()
        except ForeignObjectError as error:
            raise KeyStoreError(f"Kubernetes {error}; choose another name (custody.name).") from None

    def _write(self, secret: OwnedSecret, content: str) -> str:
        """Write the Secret and return its new resourceVersion."""
        found = self._read(secret)
        with self._asking_to("create" if found is None else "update"):
            return secret.write(content, found).resource_version

    @contextlib.contextmanager
    def _asking_to(self, verb: str) -> Iterator[None]:
        """Raise kubectl's errors as :class:`KeyStoreError`; ``verb`` is the permission that is needed."""
        try:
            yield
        except KubectlError as error:
            message = f"Kubernetes refused to {verb} a Secret in namespace {self.namespace}: {error}"
            if error.passing:
                raise KeyStoreUnavailableError(message) from None
            raise KeyStoreError(f"{message}{_fix(error, verb, self.namespace)}") from None


def _fix(error: KubectlError, verb: str, namespace: str) -> str:
    if re.search(r'namespaces "[^"]*" not found', str(error)):
        return f"\nMake the namespace first: kubectl create namespace {namespace}"
    if error.reason == "Forbidden":
        return f"\nGrant it by a Role in that namespace (verb {verb}, resource secrets)."
    if error.reason in OVERTAKEN:
        return "\nSomebody else changed it at the same moment; does another update of this stack run?"
    return ""
