"""Whose credentials the key store has: the same as the provider's."""

from typing import Any

import google.auth
import pytest
from google.auth import impersonated_credentials
from google.auth.exceptions import GoogleAuthError, TransportError
from google.oauth2 import credentials as oauth
from requests import ConnectTimeout, ReadTimeout, TooManyRedirects
from requests.exceptions import InvalidHeader, InvalidURL, SSLError

from components.google.credentials import deployer_credentials, deployer_session, why_unanswered

ACCOUNT = "deployer@acme-prod.iam.gserviceaccount.com"
DELEGATE = "first@acme-prod.iam.gserviceaccount.com"


def transport_error(of: object) -> TransportError:
    return TransportError(of)  # type: ignore[no-untyped-call]


@pytest.fixture(autouse=True)
def default(monkeypatch: pytest.MonkeyPatch) -> oauth.Credentials:
    """Application default credentials, and nothing else in the environment."""
    for name in (
        "GOOGLE_OAUTH_ACCESS_TOKEN",
        "GOOGLE_IMPERSONATE_SERVICE_ACCOUNT",
        "CLOUDSDK_CORE_REQUEST_REASON",
    ):
        monkeypatch.delenv(name, raising=False)
    credentials = oauth.Credentials("default")  # type: ignore[no-untyped-call]
    monkeypatch.setattr(google.auth, "default", lambda **_: (credentials, ""))
    return credentials


def impersonated(credentials: Any) -> impersonated_credentials.Credentials:
    assert isinstance(credentials, impersonated_credentials.Credentials)
    return credentials


def test_application_default_credentials(default: oauth.Credentials) -> None:
    assert deployer_credentials((), None) is default


def test_access_token_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_OAUTH_ACCESS_TOKEN", "ya29.hush")
    assert deployer_credentials((), None).token == "ya29.hush"


@pytest.mark.parametrize("token", ["ya29.hush\n", " ya29.hush", "ya29. hush", "ya29.\thush", "ya29.hush\xe9"])
def test_access_token_that_no_header_takes_is_not_shown(monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    monkeypatch.setenv("GOOGLE_OAUTH_ACCESS_TOKEN", token)
    with pytest.raises(GoogleAuthError, match="GOOGLE_OAUTH_ACCESS_TOKEN") as raised:
        deployer_credentials((ACCOUNT,), None)
    assert "gcloud auth print-access-token" in str(raised.value)
    assert "hush" not in str(raised.value)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (InvalidHeader("Bearer hush"), "InvalidHeader"),
        (InvalidURL("Failed to parse: http://me:hush@proxy"), "InvalidURL"),
        (ConnectTimeout("slow"), "slow"),
        (SSLError("CERTIFICATE_VERIFY_FAILED"), "CERTIFICATE_VERIFY_FAILED"),
        (ReadTimeout("slow"), "slow"),
        (TooManyRedirects("a redirect"), "a redirect"),
        (transport_error("Bearer hush"), "TransportError"),
        (transport_error(InvalidHeader("Bearer hush")), "InvalidHeader"),
        (transport_error(ConnectTimeout("slow")), "slow"),
    ],
    ids=repr,
)
def test_reason_is_that_of_the_connection_and_not_what_was_sent(error: Exception, said: str) -> None:
    assert why_unanswered(error) == said


def test_impersonation_of_the_configuration_comes_before_that_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, default: oauth.Credentials
) -> None:
    monkeypatch.setenv("GOOGLE_IMPERSONATE_SERVICE_ACCOUNT", "other@acme-prod.iam.gserviceaccount.com")
    found: Any = impersonated(deployer_credentials((DELEGATE, ACCOUNT), None))
    assert (found._target_principal, found._delegates) == (
        ACCOUNT,
        [f"projects/-/serviceAccounts/{DELEGATE}"],
    )
    assert found._source_credentials.token == default.token
    found = impersonated(deployer_credentials((), None))
    assert found._target_principal == "other@acme-prod.iam.gserviceaccount.com"


def test_quota_is_charged_to_the_project() -> None:
    found: Any = deployer_credentials((), "acme-billing")
    assert found.quota_project_id == "acme-billing"


def test_reason_of_the_environment_goes_along(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "X-Goog-Request-Reason" not in deployer_session((), None).headers
    monkeypatch.setenv("CLOUDSDK_CORE_REQUEST_REASON", "ticket 7")
    assert deployer_session((), None).headers["X-Goog-Request-Reason"] == "ticket 7"
