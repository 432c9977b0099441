"""The access key of Vault's user, as it is read from its Secret and used."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from components.aws.static_credentials import StaticCredentials
from components.aws.vault_credentials import AwsCallError, VaultRoleSession
from components.kubernetes.kubectl import KubernetesTarget
from tests.unit.fakes.commands_on_path import only_commands

SOURCE = StaticCredentials(
    KubernetesTarget(kubeconfig="", context="here", namespace="secrets"),
    "eu-central-1",
    secret="unseal",
    access_key_id="id",
    secret_access_key="key",
)
KEY = "arn:aws:kms:eu-central-1:111122223333:key/1"
ID = "AKIAOFVAULTSUSER"
ENTRIES = {"id": ID, "key": "the-secret-itself"}


def provide_secret(
    monkeypatch: pytest.MonkeyPatch, folder: Path, entries: Mapping[str, str | bytes] | None
) -> None:
    """A kubectl that has the Secret with these entries, or no Secret."""
    data = {
        name: base64.b64encode(value if isinstance(value, bytes) else value.encode()).decode()
        for name, value in (entries or {}).items()
    }
    (folder / "secret").write_text("" if entries is None else json.dumps({"data": data}))
    only_commands(monkeypatch, folder / "commands", kubectl=f"exec /bin/cat '{folder}/secret'")


def test_key_is_that_of_the_secret_and_never_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    provide_secret(monkeypatch, tmp_path, ENTRIES)
    found = SOURCE.credentials()
    assert (found.access_key_id, found.secret_access_key) == (ID, "the-secret-itself")
    assert (found.session_token, found.over) == (None, False)
    assert "the-secret-itself" not in repr(found)


@pytest.mark.parametrize(
    ("entries", "said", "settling"),
    [
        (None, "it isn't there", True),
        ({"id": ID}, "it has no entry key", False),
        ({**ENTRIES, "key": ""}, "entry key is empty", False),
        ({**ENTRIES, "key": "the-secret-itself\n"}, "ends with a blank or a line break", False),
    ],
)
def test_secret_that_cannot_be_used_is_named(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    entries: Mapping[str, str] | None,
    said: str,
    settling: bool,
) -> None:
    provide_secret(monkeypatch, tmp_path, entries)
    with pytest.raises(AwsCallError) as raised:
        SOURCE.credentials()
    assert "Reading Secret unseal failed: " in str(raised.value)
    assert said in str(raised.value)
    assert raised.value.settling is settling
    assert "the-secret-itself" not in str(raised.value)


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        ("id", "hush"),
        ("id", "hush" * 33),
        ("id", "hush/hush+hush=hush"),
        ("id", "hushhushhushhush\N{LATIN SMALL LETTER E WITH ACUTE}"),
        ("id", "[default]\naws_access_key_id = hush"),
        ("id", b"hushhushhushhush\xff"),
        ("key", "[default]\naws_secret_access_key = hush"),
        ("key", "hush hush"),
        ("key", "hush\N{LATIN SMALL LETTER E WITH ACUTE}"),
        ("key", b"hush\xff"),
    ],
)
def test_entry_that_is_something_else_is_named_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, entry: str, value: str | bytes
) -> None:
    provide_secret(monkeypatch, tmp_path, {**ENTRIES, entry: value})
    with pytest.raises(AwsCallError) as raised:
        SOURCE.credentials()
    what = {"id": "an access key id", "key": "a secret access key"}[entry]
    assert f"Reading Secret unseal failed: entry {entry} isn't {what}" in str(raised.value)
    assert "with the id of an access key of Vault's IAM user as id and the key as key" in str(raised.value)
    assert raised.value.settling is False
    assert "hush" not in str(raised.value)
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


@pytest.mark.parametrize(
    ("code", "fix", "settling"),
    [
        ("AccessDeniedException", "let the IAM user of Secret unseal use the key", True),
        ("UnrecognizedClientException", "Put a valid access key of Vault's IAM user into Secret", True),
        ("InvalidSignatureException", "Put a valid access key of Vault's IAM user into Secret", False),
    ],
)
def test_refusal_names_the_user_by_its_secret(code: str, fix: str, settling: bool) -> None:
    answer = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    # The types of the SDK's own error want more of the answer than it reads.
    error = ClientError(answer, "Encrypt")  # type: ignore[arg-type]
    found = VaultRoleSession(SOURCE).kms_error("kms:Encrypt", error, KEY)
    assert fix in str(found)
    assert found.settling is settling
