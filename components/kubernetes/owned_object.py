"""Keeps an object of the program's own in the Kubernetes API: labelled, and never changed unseen.

Everything is kubectl's, as a person's credentials are. An object is replaced or deleted by its uid and
resourceVersion, so the API server refuses if it has changed since it was read. Both are needed: it doesn't
compare the version of an object that is gone, and creates a Lease anew that is replaced without its uid.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.errors import DeploymentError
from components.kubernetes.kubectl import OWNER, OWNER_LABEL, Kubectl, KubernetesTarget

OVERTAKEN = ("AlreadyExists", "Conflict", "NotFound")
"""Reasons of the API server if somebody else changed the object first."""


class ForeignObjectError(DeploymentError):
    """An object of that name exists and isn't the program's; it was left untouched."""


@dataclass(frozen=True, repr=False)
class SeenObject:
    """The object as it was read; only this version of it is replaced or deleted."""

    document: Mapping[str, Any]

    @property
    def uid(self) -> str:
        """The object's uid."""
        return str(self.document["metadata"]["uid"])

    @property
    def resource_version(self) -> str:
        """The version that was read."""
        return str(self.document["metadata"]["resourceVersion"])

    @property
    def annotations(self) -> Mapping[str, str]:
        """The object's annotations."""
        found: Mapping[str, str] = self.document["metadata"].get("annotations") or {}
        return found

    def secret_text(self, entry: str) -> str | None:
        """Return the text in that entry of a Secret; None if there is none that can be decoded."""
        try:
            return base64.b64decode((self.document.get("data") or {})[entry], validate=True).decode()
        except (KeyError, TypeError, binascii.Error, UnicodeDecodeError):
            return None


@dataclass(frozen=True)
class OwnedObject:
    """One object of the program's own. Every method raises :class:`KubectlError` as kubectl does."""

    target: KubernetesTarget
    api_version: str
    kind: str
    name: str

    @property
    def location(self) -> str:
        """The object's kind, namespace and name, for messages."""
        return f"{self.kind} {self.target.namespace}/{self.name}"

    def read(self) -> SeenObject | None:
        """Return the object, None if there is none; raise :class:`ForeignObjectError` if it isn't ours."""
        # With its group, as other ones may have a kind of that name.
        group = self.api_version.rpartition("/")[0]
        found = Kubectl(self.target).get(".".join(filter(None, (self.kind.lower(), group))), self.name)
        if found is None:
            return None
        if (found["metadata"].get("labels") or {}).get(OWNER_LABEL) != OWNER:
            raise ForeignObjectError(
                f"{self.location} wasn't made by this program: it has no label {OWNER_LABEL}={OWNER}. "
                "It was left untouched"
            )
        return SeenObject(found)

    def create(self, content: Mapping[str, Any]) -> SeenObject:
        """Create the object; fails with the reason ``AlreadyExists`` if somebody else was first."""
        return SeenObject(Kubectl(self.target).create(self._document(content, {})))

    def replace(
        self, content: Mapping[str, Any], seen: SeenObject, annotations: Mapping[str, str] | None = None
    ) -> SeenObject:
        """Replace the object; fails with the reason ``Conflict`` or ``NotFound`` if it has changed."""
        identity = {"uid": seen.uid, "resourceVersion": seen.resource_version}
        metadata = {**identity, "annotations": annotations} if annotations else identity
        return SeenObject(Kubectl(self.target).replace(self._document(content, metadata)))

    def _document(self, content: Mapping[str, Any], metadata: Mapping[str, Any]) -> Mapping[str, Any]:
        return {
            "apiVersion": self.api_version,
            "kind": self.kind,
            "metadata": {"name": self.name, "labels": {OWNER_LABEL: OWNER}, **metadata},
            **content,
        }


@dataclass(frozen=True)
class OwnedSecret:
    """A Secret of the program's own, with one entry. Every method raises :class:`KubectlError`."""

    target: KubernetesTarget
    name: str
    entry: str

    @property
    def location(self) -> str:
        """The Secret's namespace and name, for messages."""
        return self._object.location

    def read(self) -> SeenObject | None:
        """Return the Secret, see :meth:`OwnedObject.read`."""
        return self._object.read()

    def write(self, text: str, seen: SeenObject | None) -> SeenObject:
        """Create the Secret, or replace the one that was ``seen``; see :class:`OwnedObject`."""
        content = {"type": "Opaque", "data": {self.entry: base64.b64encode(text.encode()).decode()}}
        return self._object.create(content) if seen is None else self._object.replace(content, seen)

    def delete(self, seen: SeenObject) -> None:
        """Delete the Secret; fails with the reason ``Conflict`` or ``NotFound`` if it has changed."""
        Kubectl(self.target).delete_secret(self.name, uid=seen.uid, resource_version=seen.resource_version)

    @property
    def _object(self) -> OwnedObject:
        return OwnedObject(self.target, "v1", "Secret", self.name)
