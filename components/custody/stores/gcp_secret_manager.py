"""Stores keys in a secret of Google Secret Manager, which exists already or is created by the stack.

The stack creates it (`google/secret.py`) if the settings name its readers, and grants them their roles on it.
Permissions needed on the secret: `secretmanager.versions.` add, destroy and list (all in the role
`roles/secretmanager.secretVersionManager`) and access (`roles/secretmanager.secretAccessor`), which is the
right to read the keys.

A record is never disabled or destroyed here: the shares of an older one may be void, but if a rekey failed
they are the only valid ones. Destroy old versions once the new shares have proved themselves. The last
version is a destroyed probe at times, so `versions/latest` can fail: read the version that the output
`keys_version` names.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

from components.config.reader import ConfigReader
from components.custody.key_record import KeyRecord
from components.custody.key_store import (
    CLOUD_SECRET_BYTES,
    PROBE,
    KeyReference,
    KeyStore,
    KeyStoreError,
    KeyStoreUnavailableError,
    stored_record,
    without_secrets,
)
from components.google.credentials import deployer_session, why_unanswered
from components.google.provider_settings import ProviderSettings
from components.google.secret_name import ACCESSOR, VERSION_MANAGER, SecretName
from components.kubernetes.kubectl import KubernetesTarget
from components.progress import Waiting

if TYPE_CHECKING:
    from requests import Response, Session

_RESOURCE = r"projects/([a-z0-9.-]+:)?[a-z0-9-]+(/locations/[a-z0-9-]+)?/secrets/[A-Za-z0-9_-]{1,255}"
_HOST = r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:\d{1,5})?"
_STATE = re.compile(r"is in (DESTROYED|DISABLED) state")
"""Google's message on access to a version that isn't enabled, with its state."""
_API = "secretmanager.googleapis.com"
_SECONDS = (10, 20)
"""Timeouts of connecting and of the answer."""

_READER = (
    r"(user|group|serviceAccount):[^\s:@*]+@[^\s:@*]+"
    r"|principal(Set)?://iam\.googleapis\.com/[^\s*]+(\*[^\s*]*)?"
)
"""A member of an IAM policy, except everybody: https://cloud.google.com/iam/docs/principal-identifiers."""
_REGION = r"[a-z]+-[a-z]+\d+"

_GRANT_SECONDS = 180
_GRANT_PAUSE_SECONDS = 5.0
"""How long new rights may take: two minutes as a rule (https://cloud.google.com/iam/docs/access-change-propagation)."""


class _RefusedError(KeyStoreError):
    """Secret Manager refused the call; holds the status and reason."""

    def __init__(self, message: str, status: str, states: Sequence[str]) -> None:
        super().__init__(message)
        self.missing = status == "NOT_FOUND"
        self.forbidden = status == "PERMISSION_DENIED"
        self.states = states
        """The state that a version is in and that doesn't allow what was asked; empty with other reasons."""


@dataclass(frozen=True)
class Store(KeyStore):
    """A secret whose newest version that isn't destroyed is the record."""

    largest_record_bytes: ClassVar[int | None] = CLOUD_SECRET_BYTES

    secret: str
    """The resource name: ``projects/<project>/secrets/<name>``; a regional secret's has its location."""
    endpoint: str
    """Host, with a port if needed; empty for Google's own."""
    readers: tuple[str, ...] = ()
    """Members that may read and write a secret that the stack creates; empty for an existing one."""
    replicas: tuple[str, ...] = ()
    """Regions that a secret of the stack is replicated to; empty for Google's choice."""
    impersonated: tuple[str, ...] | None = None
    """Service accounts that the stack's configuration impersonates, the acting one last."""
    quota_project: str | None = None
    """Project that requests are charged to; None leaves it to the credentials."""

    @classmethod
    def from_settings(cls, reader: ConfigReader) -> Self:
        """Read `custody.secret`, `custody.endpoint`, `custody.readers` and `custody.replicas`."""
        store = cls(
            secret=reader.required_text(
                "secret",
                _RESOURCE,
                "name an existing secret, projects/<project>/secrets/<name>, or a regional one, "
                "projects/<project>/locations/<region>/secrets/<name>",
            ),
            endpoint=reader.text(
                "endpoint",
                "",
                _HOST,
                "give the host name of a private or regional endpoint, without https://; leave it out for "
                "Google's own",
            ),
            readers=_matching(
                reader,
                "readers",
                _READER,
                "list the members that may read and write the keys, such as user:somebody@example.com or "
                "serviceAccount:...; whoever runs pulumi up has to be among them",
            ),
            replicas=_matching(reader, "replicas", _REGION, "list regions, such as europe-west3"),
        )
        regional = "/locations/" in store.secret
        if store.replicas and (regional or not store.readers):
            reader.report(
                "replicas",
                "it is for a secret of the stack's own (custody.readers) that isn't regional; remove it",
            )
        return store

    def asked_by(self, provider: ProviderSettings) -> "Store":
        """Return the store as it is asked with the identity and the quota of Google's provider."""
        return replace(
            self,
            impersonated=provider.configured_impersonation or None,
            quota_project=(provider.billing_project or self.name.project)
            if provider.overrides_user_project
            else None,
        )

    @property
    def options(self) -> Mapping[str, object]:
        """All settings but those that are None, which stacks of earlier versions haven't got.

        See :class:`KeyStore`.
        """
        return {name: value for name, value in super().options.items() if value is not None}

    @property
    def name(self) -> SecretName:
        """The parts of the secret's name."""
        return SecretName.of(self.secret)

    @property
    def location(self) -> str:
        """The secret's resource name."""
        return f"Google secret {self.secret}"

    @property
    def place(self) -> Mapping[str, object]:
        """The secret, its regions, and whether it is the stack's own; who reads it may change, and its host.

        Google can't change the regions of a secret, and with no readers the stack would delete its own: both
        would end with an empty secret in the place of that with the keys. See :class:`KeyStore`.
        """
        return {"secret": self.secret, "replicas": self.replicas, "readers": bool(self.readers)}

    def probe(self, target: KubernetesTarget) -> None:  # noqa: ARG002 - nothing of the cluster is needed
        """Add a version, read it back and destroy it; destroy what an interrupted probe left, too.

        Until it is destroyed, the probe is the newest version; ``read`` skips it. Waits for roles that the
        stack has just granted. See :class:`KeyStore`.
        """
        waiting = Waiting(f"Waiting for the rights of custody.readers on the {self.location}", _GRANT_SECONDS)
        waiting.until(
            self._probe,
            _RefusedError,
            retry_if=lambda error: bool(self.readers) and error.forbidden,
            state=lambda _: "not there yet",
            pause_seconds=_GRANT_PAUSE_SECONDS,
        )

    def _probe(self) -> None:
        service = self._service()
        for left_over, text in service.contents():
            if text != PROBE:
                break
            service.destroy(left_over)
        number = service.add(PROBE)
        try:
            if service.access(number) != PROBE:
                raise KeyStoreError(f"The {self.location} doesn't hold what was just written into it.")
        finally:
            service.destroy(number)

    def read(self, target: KubernetesTarget) -> KeyRecord | None:  # noqa: ARG002
        """Return the record in the newest version that isn't destroyed, None if there is none.

        Raises :class:`KeyStoreError` also if that version is disabled: an older one isn't the latest record.
        A version that waits for its delayed destruction counts as destroyed, as probes do. See
        :class:`KeyStore`.
        """
        for _, text in self._service().contents():
            if text != PROBE:
                return stored_record(text, self.location)
        return None

    def earlier(self, version: str, target: KubernetesTarget) -> Iterator[KeyRecord]:  # noqa: ARG002
        """Yield the records of all versions that aren't destroyed, newest first. See :class:`KeyStore`."""
        for _, text in self._service().contents():
            if text != PROBE:
                yield stored_record(text, self.location)

    def write(self, record: KeyRecord, target: KubernetesTarget) -> KeyReference:  # noqa: ARG002
        """Add a version; older ones stay as they are. See :class:`KeyStore`."""
        text = self.record_text(record)
        try:
            number = self._service().add(text)
        except KeyStoreError as error:
            kind = KeyStoreUnavailableError if isinstance(error, KeyStoreUnavailableError) else KeyStoreError
            raise kind(without_secrets(str(error), record)) from None
        return KeyReference(location=self.location, version=str(number))

    def _service(self) -> "_Versions":
        # Imported here, as it takes time that a preview without this store shouldn't spend.
        from google.auth.exceptions import GoogleAuthError

        try:
            session = deployer_session(self.impersonated or (), self.quota_project)
        except GoogleAuthError as error:
            raise KeyStoreError(
                f"There are no credentials for the {self.location}: {error.args[0]}\n"
                "Log in (gcloud auth application-default login), or name a credentials file in "
                "GOOGLE_APPLICATION_CREDENTIALS."
            ) from None
        region = self.name.region
        own = f"secretmanager.{region}.rep.googleapis.com" if region else _API
        return _Versions(session, f"https://{self.endpoint or own}/v1/{self.secret}", self.secret)


@dataclass(frozen=True)
class _Versions:
    """The versions of the secret, by their numbers, which count from 1.

    Raises :class:`_RefusedError`, KeyStoreError and KeyStoreUnavailableError.
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
            except _RefusedError as error:
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
        except _RefusedError as error:
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
            message += f"\nEnable it: gcloud services enable {_API} --project={name.project}"
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
        return _RefusedError(message, status, _STATE.findall(detail))


def _matching(reader: ConfigReader, key: str, pattern: str, fix: str) -> tuple[str, ...]:
    entries = tuple(reader.texts(key, fix))
    if not all(re.fullmatch(pattern, entry) for entry in entries) or len(set(entries)) != len(entries):
        reader.report(key, fix)
        return ()
    return entries


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
