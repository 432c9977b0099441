"""The store in AWS Secrets Manager: its settings, and what it makes of answers that AWS gives on bad days.

Its use is tested against the sandbox's AWS (tests/integration/aws).
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from werkzeug.wrappers import Request, Response

from components.aws.credentials import CredentialSource
from components.custody.key_store import (
    KeyStoreError,
    KeyStoreUnavailableError,
    moved_settings,
    store_from_properties,
    store_to_properties,
)
from components.custody.stores.aws_secrets_manager import Store
from tests.http_server import http_server
from tests.unit.fakes.key_records import ROOT_TOKEN, SHARES, TARGET, key_record
from tests.unit.fakes.redirecting_server import redirecting_server
from tests.unit.fakes.stack_settings import EKS, parse
from tests.unit.fakes.store_settings import read_store

READER = "arn:aws:iam::123456789012:role/ci/deployer"
SECTION = {"name": "vault/example/operator-init", "region": "eu-central-1", "readers": [READER]}
STORE = Store(name="vault/example/operator-init", region="eu-central-1", kms_key="own", readers=(READER,))


@dataclass
class ScriptedAws:
    """An AWS that gives one answer to everything, with the request's body in the place of ``{body}``."""

    port: int
    status: int = 400
    code: str = ""
    message: str = ""
    requests: list[str] = field(default_factory=list)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedAws]:
    def respond(asked: Request) -> Response:
        script.requests.append(asked.headers["X-Amz-Target"].rpartition(".")[2])
        message = script.message.replace("{body}", asked.get_data(as_text=True))
        return Response(json.dumps({"__type": script.code, "message": message}), script.status)

    with http_server(respond) as port:
        script = ScriptedAws(port=port)
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        monkeypatch.delenv("AWS_PROFILE", raising=False)
        yield script


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "ThrottlingException"),
        (400, "TooManyRequestsException"),
        (429, "SlowDown"),
        (500, "InternalServiceError"),
        (503, "ServiceUnavailable"),
    ],
)
def test_an_aws_that_is_busy_is_worth_another_try(aws: ScriptedAws, status: int, code: str) -> None:
    aws.status, aws.code, aws.message = status, code, "Rate exceeded"
    with pytest.raises(KeyStoreUnavailableError, match=f"PutSecretValue .* failed: {code}: Rate exceeded"):
        STORE.write(key_record(), TARGET)
    with pytest.raises(KeyStoreUnavailableError, match="DescribeSecret"):
        STORE.read(TARGET)


def test_credentials_are_part_of_the_property_if_they_are_set_and_of_the_place_never() -> None:
    plain = store_to_properties("aws-secrets-manager", STORE)
    assert plain["options"].keys() == {"name", "region", "kms_key", "readers"}
    credentials = CredentialSource(profile="prod", assumed_role=READER, allowed_account_ids=("123456789012",))
    used = STORE.used_with(credentials)
    properties = store_to_properties("aws-secrets-manager", used)
    assert properties["options"] == {
        **plain["options"],
        "profile": "prod",
        "assumed_role": READER,
        "allowed_account_ids": ("123456789012",),
    }
    assert store_from_properties(json.loads(json.dumps(properties))) == used
    assert moved_settings(plain, properties) == []


def test_credentials_of_the_provider_are_the_stores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    section = {"store": "aws-secrets-manager", **SECTION}
    store = parse({**EKS, "custody": section}, aws={"profile": "nobody"}).custody.store
    assert store == replace(STORE, profile="nobody")
    with pytest.raises(KeyStoreError, match="can't be used: The config profile"):
        STORE.used_with(CredentialSource(profile="nobody")).read(TARGET)


@pytest.mark.parametrize("excluded", [{"assumed_role": READER}, {"allowed_account_ids": ("123456789012",)}])
def test_sts_that_is_not_reached_is_worth_another_try(
    monkeypatch: pytest.MonkeyPatch, aws: ScriptedAws, excluded: dict[str, Any]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9")
    with pytest.raises(KeyStoreUnavailableError, match="sts got no answer"):
        replace(STORE, **excluded).read(TARGET)
    assert aws.requests == []


def test_a_refusal_is_in_awss_words_and_not_worth_another_try(aws: ScriptedAws) -> None:
    aws.code, aws.message = "AccessDeniedException", "User: somebody is not authorized"
    with pytest.raises(KeyStoreError) as raised:
        STORE.write(key_record(), TARGET)
    assert type(raised.value) is KeyStoreError
    assert str(raised.value) == (
        "secretsmanager:PutSecretValue on AWS secret vault/example/operator-init in eu-central-1 failed: "
        "AccessDeniedException: User: somebody is not authorized"
    )


def test_an_answer_that_repeats_the_keys_is_not_shown(aws: ScriptedAws) -> None:
    aws.code, aws.message = "ValidationException", "1 validation error detected: {body}"
    with pytest.raises(KeyStoreError, match="isn't shown") as raised:
        STORE.write(key_record(), TARGET)
    assert not any(secret in str(raised.value) for secret in (ROOT_TOKEN, *SHARES))


def test_a_record_that_is_too_long_is_not_sent(aws: ScriptedAws) -> None:
    long = replace(key_record(), recovery_shares=("s" * 65536,))
    with pytest.raises(KeyStoreError, match="takes 65536 bytes, and the record is longer"):
        STORE.write(long, TARGET)
    assert aws.requests == []


def test_without_credentials_the_error_says_so(
    aws: ScriptedAws, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    nowhere = str(tmp_path_factory.mktemp("none") / "file")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, nowhere)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(KeyStoreError, match=r"DescribeSecret .* Unable to locate credentials"):
        STORE.read(TARGET)
    assert aws.requests == []


def test_a_profile_that_does_not_exist_is_named(aws: ScriptedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "of-nobody")
    with pytest.raises(KeyStoreError, match=r"configuration of this machine can't be used: .*of-nobody"):
        STORE.read(TARGET)
    assert aws.requests == []


def test_settings() -> None:
    assert read_store(Store, SECTION) == (STORE, [])
    for key in ("own", "unseal-key", "arn:aws:kms:eu-central-1:123456789012:key/1b-2c"):
        store, problems = read_store(Store, {**SECTION, "kmsKey": key})
        assert (store.kms_key, problems) == (key, [])


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"name": "vault keys"}, "name"),
        # AWS would take the last characters for those that it puts behind a name itself.
        ({"name": "vault-backup"}, "name"),
        ({"region": "Frankfurt"}, "region"),
        ({"kmsKey": "alias/keys"}, "kmsKey"),
        ({"readers": []}, "readers"),
        ({"readers": ["arn:aws:iam::123456789012:role/*"]}, "readers"),
        ({"readers": ["arn:aws:sts::123456789012:assumed-role/deployer/me"]}, "readers"),
    ],
)
def test_wrong_settings(changed: dict[str, object], key: str) -> None:
    _, problems = read_store(Store, {**SECTION, **changed})
    assert [problem.split(" ")[0] for problem in problems] == [f"vault-autounseal:custody.{key}"]


def test_name_region_and_readers_have_to_be_given() -> None:
    _, problems = read_store(Store, {})
    assert [problem.split(":")[1].split(" ")[0] for problem in problems] == [
        "custody.name",
        "custody.region",
        "custody.readers",
    ]


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_takes_no_keys_along(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    with redirecting_server(status) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.address)
        with pytest.raises(KeyStoreError, match="secretsmanager:PutSecretValue"):
            STORE.write(key_record(), TARGET)
        assert server.arrived == []
