"""Gets the access key of Vault's IAM user as Vault's pods do: from its Secret. It stays in memory."""

import base64
import re
from collections.abc import Mapping
from typing import Any

from components.aws.vault_credentials import AwsCallError, Credentials, VaultCredentialSource
from components.kubernetes.kubectl import Kubectl, KubectlError, KubernetesTarget

# https://docs.aws.amazon.com/IAM/latest/APIReference/API_AccessKey.html
_ACCESS_KEY_ID = re.compile(r"\w{16,128}", re.ASCII)
_SECRET_ACCESS_KEY = re.compile(r"[\x21-\x7e]+")


class StaticCredentials(VaultCredentialSource):
    """The access key in a Secret in Vault's namespace."""

    def __init__(
        self,
        target: KubernetesTarget,
        region: str,
        *,
        secret: str,
        access_key_id: str,
        secret_access_key: str,
    ) -> None:
        super().__init__(region)
        self._target = target
        self._secret = secret
        self._entries = (access_key_id, secret_access_key)

    @property
    def holder(self) -> str:
        """The user, as far as it is known."""
        return f"the IAM user of Secret {self._secret}"

    @property
    def fixes(self) -> Mapping[str, str]:
        """What to do if AWS doesn't take the key."""
        wrong = f"Put a valid access key of Vault's IAM user into Secret {self._secret}."
        return {"UnrecognizedClientException": wrong, "InvalidSignatureException": wrong}

    def credentials(self) -> Credentials:
        """Read the Secret."""
        try:
            secret = Kubectl(self._target).get("secret", self._secret)
        except KubectlError as error:
            raise self._unusable(str(error), settling=error.reason != "Forbidden") from None
        if secret is None:
            raise self._unusable("it isn't there", settling=True)
        id_entry, key_entry = self._entries
        return Credentials(
            self._entry(secret, id_entry, _ACCESS_KEY_ID, "an access key id (16 or more of A-Z a-z 0-9 _)"),
            self._entry(secret, key_entry, _SECRET_ACCESS_KEY, "a secret access key (ASCII without blanks)"),
        )

    def _entry(self, secret: Mapping[str, Any], name: str, pattern: re.Pattern[str], what: str) -> str:
        value = (secret.get("data") or {}).get(name)
        if value is None:
            raise self._unusable(f"it has no entry {name}", settling=False)
        # What isn't text doesn't match, either, with a mark in place of each wrong byte.
        found = base64.b64decode(value).decode(errors="replace")
        if not found or found != found.strip():
            # The pods pass the value on unchanged, and AWS takes the blank as part of the key.
            raise self._unusable(
                f"entry {name} is empty, or begins or ends with a blank or a line break", settling=False
            )
        if not pattern.fullmatch(found):
            # The id goes into a header, and one that can't be sent would be quoted in the SDK's error.
            raise self._unusable(
                f"entry {name} isn't {what}; it may be a whole file, or the two entries are swapped",
                settling=False,
            )
        return found

    def _unusable(self, reason: str, *, settling: bool) -> AwsCallError:
        access_key_id, secret_access_key = self._entries
        return AwsCallError(
            f"Reading Secret {self._secret}",
            reason,
            f"It has to be in namespace {self._target.namespace!r}, with the id of an access key of Vault's "
            f"IAM user as {access_key_id} and the key as {secret_access_key}, and whoever runs pulumi up "
            "needs the right to get it.",
            settling=settling,
        )
