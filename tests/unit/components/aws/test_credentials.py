"""The credentials of whoever deploys, as boto3 and kubectl get them."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from werkzeug.wrappers import Request, Response

from components.aws.credentials import CredentialSource
from components.errors import DeploymentError
from tests.http_server import http_server

REGION = "eu-central-1"
ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/deployer"
ASSUMED = """<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
<Credentials><AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>of the role</SecretAccessKey>
<SessionToken>token of the role</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>
</AssumeRoleResult></AssumeRoleResponse>"""
CALLER = f"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<GetCallerIdentityResult><Account>{ACCOUNT}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"""

Requests = list[tuple[str, dict[str, str]]]


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Requests]:
    """Requests to an STS, each with the access key that signed it. There are keys in the environment."""
    asked: Requests = []

    def respond(request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs(request.get_data(as_text=True)).items()}
        key = request.headers["Authorization"].partition("Credential=")[2].partition("/")[0]
        asked.append((key, form))
        return Response(ASSUMED if form["Action"] == "AssumeRole" else CALLER, content_type="text/xml")

    (tmp_path / "credentials").write_text(
        "[prod]\naws_access_key_id = AKIAPROFILE\naws_secret_access_key = of the profile\n"
    )
    with http_server(respond) as port:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENT")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of the environment")
        monkeypatch.delenv("AWS_PROFILE", raising=False)
        yield asked


def access_key(source: CredentialSource) -> str:
    credentials = source.session(REGION).get_credentials()
    assert credentials is not None
    return credentials.access_key


def test_without_settings_the_environment_decides(requests: Requests) -> None:
    assert access_key(CredentialSource()) == "AKIAENVIRONMENT"
    assert requests == []


def test_profile_takes_precedence_over_the_environment(requests: Requests) -> None:
    assert access_key(CredentialSource(profile="prod")) == "AKIAPROFILE"
    assert requests == []


def test_role_is_assumed_with_the_profile(requests: Requests) -> None:
    source = CredentialSource(
        profile="prod", assumed_role=ROLE, external_id="tenant-1", role_session_name="vault"
    )
    assert access_key(source) == "ASIAROLE"
    ((key, form),) = requests
    assert key == "AKIAPROFILE"
    assert (form["RoleArn"], form["ExternalId"], form["RoleSessionName"]) == (ROLE, "tenant-1", "vault")


def test_role_is_assumed_without_an_external_id(requests: Requests) -> None:
    assert access_key(CredentialSource(assumed_role=ROLE)) == "ASIAROLE"
    ((_, form),) = requests
    assert "ExternalId" not in form
    assert form["RoleSessionName"] == "vault-autounseal"


@pytest.mark.parametrize(
    "source",
    [
        CredentialSource(allowed_account_ids=("999999999999",)),
        CredentialSource(forbidden_account_ids=(ACCOUNT,)),
        CredentialSource(allowed_account_ids=(ACCOUNT,), forbidden_account_ids=(ACCOUNT,)),
    ],
)
def test_account_that_is_excluded_is_refused(requests: Requests, source: CredentialSource) -> None:
    with pytest.raises(DeploymentError, match=f"are of account {ACCOUNT}, which aws:allowedAccountIds"):
        source.session(REGION)
    assert [form["Action"] for _, form in requests] == ["GetCallerIdentity"]


def test_account_of_the_assumed_role_counts(requests: Requests) -> None:
    source = CredentialSource(assumed_role=ROLE, allowed_account_ids=(ACCOUNT,))
    assert access_key(source) == "ASIAROLE"
    assert [(key, form["Action"]) for key, form in requests] == [
        ("AKIAENVIRONMENT", "AssumeRole"),
        ("ASIAROLE", "GetCallerIdentity"),
    ]


@pytest.mark.parametrize(
    ("source", "options"),
    [
        (CredentialSource(), []),
        (CredentialSource(profile="prod"), ["--profile", "prod"]),
        (
            CredentialSource(profile="prod", assumed_role=ROLE),
            ["--profile", "prod", "--role-arn", ROLE],
        ),
    ],
)
def test_options_of_kubectls_tokens(source: CredentialSource, options: list[str]) -> None:
    assert source.token_options() == options


@pytest.mark.parametrize(
    "source",
    [CredentialSource(), CredentialSource(profile="prod", allowed_account_ids=("123456789012",))],
)
def test_source_is_kept_as_text_in_a_resources_inputs(source: CredentialSource) -> None:
    assert CredentialSource.from_text(source.to_text()) == source
    assert (source.to_text() == "") is (source == CredentialSource())
