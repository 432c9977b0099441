"""Asks Google Secret Manager for the versions of a secret, for the store that keeps keys there."""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from components.custody.key_store import KeyStoreError, KeyStoreUnavailableError
from components.google.credentials import why_unanswered
from components.google.secret_name import ACCESSOR, VERSION_MANAGER, SecretName

if TYPE_CHECKING:
    from requests import Response, Session

API = "secretmanager.googleapis.com"
_STATE = re.compile(r"is in (DESTROYED|DISABLED) state")
"""Google's message on access to a version that isn't enabled, with its state."""
_SECONDS = (10, 20)
"""Timeouts of connecting and of the answer."""


class RefusedError(KeyStoreError):
    """Secret Manager refused the call; holds the status and reason."""

    def __init__(self, message: str, status: str, states: Sequence[str]) -> None:
        super().__init__(message)
        self.missing = status == "NOT_FOUND"
        self.forbidden = status == "PERMISSION_DENIED"
        self.states = states
        """The state that a version is in and that doesn't allow what was asked; empty with other reasons."""


@dataclass(frozen=True)
class SecretVersions:
    """The versions of the secret, by their numbers, which count from 1.

    Raises :class:`RefusedError`, KeyStoreError and KeyStoreUnavailableError.
    https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.versions
    """

    session: "Session"
    url: str
    """Of the secret."""
    secret: str
    """Its resource name."""

    def add(self, text: str) -> int:
        """Add a version and return its number, once Google has verified the checksum of every byte."""
        data = text.encode()
        payload = {"data": base64.b64encode(data).decode(), "dataCrc32c": str(_crc32c(data))}
        added = self._call("add", "POST", ":addVersion", {"payload": payload})
        if added.get("clientSpecifiedPayloadChecksum") is not True:
            raise KeyStoreUnavailableError(
                f"Secret Manager didn't check what {self.secret} was given: its answer doesn't mention the "
                "checksum."
            )
        return _number(added)

    def access(self, number: int) -> str:
        """Return the content of an enabled version."""
        payload = self._call("access", "GET", f"/versions/{number}:access").get("payload", {})
        try:
            data = base64.b64decode(payload["data"], validate=True)
        except (KeyError, binascii.Error):
            data = b""
        if str(_crc32c(data)) != str(payload.get("dataCrc32c")):
            raise KeyStoreUnavailableError(
                f"Version {number} of {self.secret} was damaged on its way: its checksum is another one."
            )
        return data.decode(errors="replace")

    def destroy(self, number: int) -> None:
        """Destroy a version, with a delay if the secret has one (until then it is disabled)."""
        self._call("destroy", "POST", f"/versions/{number}:destroy", {})

    def contents(self) -> Iterator[tuple[int, str]]:
        """Yield number and content of the versions that aren't destroyed, newest first.

        Raises :class:`KeyStoreError` at a disabled one.
        """
        # The first page has the newest ones. The state of versions beyond it is known from access.
        listed = self._call("list", "GET", "/versions").get("versions", [])
        destroyed = {_number(version) for version in listed if _is_destroyed(version)}
        newest = max((_number(version) for version in listed), default=0)
        # The list may lag for hours; access by number doesn't, so a record that was just written is found:
        # https://cloud.google.com/secret-manager/docs/reference/consistency.
        while self._exists(newest + 1):
            newest += 1
        for number in range(newest, 0, -1):
            if number in destroyed:
                continue
            try:
                text = self.access(number)
            except RefusedError as error:
                if "DESTROYED" in error.states:
                    continue
                if "DISABLED" not in error.states:
                    raise
                name = SecretName.of(self.secret)
                version = f"{number} --secret={name.name} {name.flags}"
                raise KeyStoreError(
                    f"{error}\nNothing older is taken in its place. If it holds the keys, enable it: "
                    f"gcloud secrets versions enable {version}\n"
                    f"If it doesn't, destroy it: gcloud secrets versions destroy {version}"
                ) from None
            yield number, text

    def _exists(self, number: int) -> bool:
        try:
            self.access(number)
        except RefusedError as error:
            if not error.missing and not error.states:
                raise
            return not error.missing
        return True

    def _call(
        self, right: str, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any]:
        from google.auth.exceptions import GoogleAuthError, TransportError
        from requests import RequestException

        doing = f"secretmanager.versions.{right} on {self.secret}"
        try:
            response = self.session.request(
                method, f"{self.url}{path}", json=body, timeout=_SECONDS, allow_redirects=False
            )
            if response.status_code < 300:
                answer: Mapping[str, Any] = response.json()
                return answer
        except (RequestException, TransportError) as error:
            raise KeyStoreUnavailableError(f"{doing} got no answer: {why_unanswered(error)}") from None
        except GoogleAuthError as error:
            # Such as an expired login. Further arguments hold the token issuer's answer.
            kind = KeyStoreUnavailableError if error.retryable else KeyStoreError
            raise kind(
                f"{doing} can't be asked for: {error.args[0]}\n"
                "Log in again (gcloud auth application-default login), or use other credentials."
            ) from None
        raise self._refusal(right, doing, response)

    def _refusal(self, right: str, doing: str, response: "Response") -> KeyStoreError:
        """Return the error with Google's error message and the fix."""
        status, detail, reason = _error(response)
        message = f"{doing} failed: {status}: {detail}"
        if response.status_code < 400:
            return KeyStoreError(
                f"{message}\nThis redirect isn't followed, as keys and login would go there. Check "
                "custody.endpoint, and what stands between this machine and Google (a proxy)."
            )
        if response.status_code >= 500 or response.status_code == 429:
            return KeyStoreUnavailableError(message)
        name = SecretName.of(self.secret)
        if reason == "SERVICE_DISABLED":
            message += f"\nEnable it: gcloud services enable {API} --project={name.project}"
        elif response.status_code == 403 and f"secretmanager.versions.{right}" in detail:
            role = ACCESSOR if right == "access" else VERSION_MANAGER
            message += (
                f"\nIf the secret exists, grant it: gcloud secrets add-iam-policy-binding {name.name} "
                f"{name.flags} --role={role} --member=<user:..., group:... or serviceAccount:...>"
            )
        elif status == "NOT_FOUND" and right in ("add", "list"):
            replication = "" if name.region else " --replication-policy=automatic"
            message += (
                "\nThe secret has to be there before the init: "
                f"gcloud secrets create {name.name} {name.flags}{replication}"
            )
        return RefusedError(message, status, _STATE.findall(detail))


def _number(version: Mapping[str, Any]) -> int:
    return int(str(version["name"]).rpartition("/")[2])


def _is_destroyed(version: Mapping[str, Any]) -> bool:
    """Return whether a version is destroyed, or disabled until its delayed destruction."""
    return version.get("state") == "DESTROYED" or "scheduledDestroyTime" in version


def _error(response: "Response") -> tuple[str, str, str]:
    """Return status, message and reason (if any): https://cloud.google.com/apis/design/errors."""
    try:
        error = response.json()["error"]
        reasons = [detail["reason"] for detail in error.get("details", []) if "reason" in detail]
        return str(error["status"]), str(error["message"]), (reasons or [""])[0]
    except (ValueError, KeyError, TypeError):
        # Such as a proxy's answer.
        return f"HTTP {response.status_code}", str(response.reason), ""


def _crc32c(data: bytes) -> int:
    import google_crc32c

    return int(google_crc32c.value(data))
