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

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from components.config.reader import ConfigReader
from components.custody.gcp_secret_versions import API, RefusedError, SecretVersions
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
from components.google.credentials import deployer_session
from components.google.provider_settings import ProviderSettings
from components.google.secret_name import SecretName
from components.kubernetes.kubectl import KubernetesTarget
from components.progress import Waiting

_RESOURCE = r"projects/([a-z0-9.-]+:)?[a-z0-9-]+(/locations/[a-z0-9-]+)?/secrets/[A-Za-z0-9_-]{1,255}"
_HOST = r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:\d{1,5})?"
_READER = (
    r"(user|group|serviceAccount):[^\s:@*]+@[^\s:@*]+"
    r"|principal(Set)?://iam\.googleapis\.com/[^\s*]+(\*[^\s*]*)?"
)
"""A member of an IAM policy, except everybody: https://cloud.google.com/iam/docs/principal-identifiers."""
_REGION = r"[a-z]+-[a-z]+\d+"

_GRANT_SECONDS = 180
_GRANT_PAUSE_SECONDS = 5.0
"""How long new rights may take: two minutes as a rule (https://cloud.google.com/iam/docs/access-change-propagation)."""


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
            RefusedError,
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

    def _service(self) -> SecretVersions:
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
        own = f"secretmanager.{region}.rep.googleapis.com" if region else API
        return SecretVersions(session, f"https://{self.endpoint or own}/v1/{self.secret}", self.secret)


def _matching(reader: ConfigReader, key: str, pattern: str, fix: str) -> tuple[str, ...]:
    entries = tuple(reader.texts(key, fix))
    if not all(re.fullmatch(pattern, entry) for entry in entries) or len(set(entries)) != len(entries):
        reader.report(key, fix)
        return ()
    return entries
