"""Whose credentials the key store has: the same as the provider's."""

from typing import Any

import google.auth
import pytest
from google.auth import impersonated_credentials
from google.oauth2 import credentials as oauth

from components.google.credentials import deployer_credentials, deployer_session

ACCOUNT = "deployer@acme-prod.iam.gserviceaccount.com"
DELEGATE = "first@acme-prod.iam.gserviceaccount.com"


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
    monkeypatch.setenv("GOOGLE_OAUTH_ACCESS_TOKEN", "from the environment")
    assert deployer_credentials((), None).token == "from the environment"


def test_impersonation_of_the_configuration_comes_before_that_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, default: oauth.Credentials
) -> None:
    monkeypatch.setenv("GOOGLE_IMPERSONATE_SERVICE_ACCOUNT", "other@acme-prod.iam.gserviceaccount.com")
    found: Any = impersonated(deployer_credentials((DELEGATE, ACCOUNT), None))
    assert (found._target_principal, found._delegates) == (ACCOUNT, [DELEGATE])
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
