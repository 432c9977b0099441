"""Asks Google's APIs as whoever runs the program, with the same credentials as Google's provider."""

import os
import re
from typing import TYPE_CHECKING, Any

from components.google.provider_settings import ACCESS_TOKEN, IMPERSONATION

if TYPE_CHECKING:
    from google.auth.credentials import Credentials
    from requests import Session

SCOPE = "https://www.googleapis.com/auth/cloud-platform"


def deployer_session(impersonated: tuple[str, ...], quota_project: str | None) -> "Session":
    """Return a session with :func:`deployer_credentials`, which follows no redirect and repeats reads."""
    import requests
    from google.auth.transport.requests import AuthorizedSession, Request
    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry

    # Like the session that Google's library would make.
    issuer = requests.Session()
    issuer.mount("https://", HTTPAdapter(max_retries=3))
    session: Session = AuthorizedSession(  # type: ignore[no-untyped-call]
        deployer_credentials(impersonated, quota_project),
        auth_request=Request(issuer),
    )
    # Reads only: urllib3 doesn't repeat a POST that may have been received.
    again = Retry(
        total=2, backoff_factor=0.5, status_forcelist=(429, 500, 502, 503, 504), raise_on_status=False
    )
    session.mount("https://", HTTPAdapter(max_retries=again))
    for each in (session, issuer):
        # A redirect would take keys, token or login along; it is an error instead.
        each.max_redirects = 0
    if reason := os.environ.get("CLOUDSDK_CORE_REQUEST_REASON"):
        session.headers["X-Goog-Request-Reason"] = reason
    return session


def deployer_credentials(impersonated: tuple[str, ...], quota_project: str | None) -> "Credentials":
    """Return the credentials of the environment: its access token, or application default credentials.

    ``impersonated`` is the chain of service accounts that the configuration names, the acting one last; if
    it is empty, that of the environment is taken. Requests are charged to ``quota_project``; None leaves it
    to the credentials. Raises :class:`google.auth.exceptions.GoogleAuthError` if there are none, or if the
    access token can't be one.
    """
    import google.auth
    from google.auth import impersonated_credentials
    from google.auth.exceptions import DefaultCredentialsError
    from google.oauth2 import credentials as oauth

    token = os.environ.get(ACCESS_TOKEN)
    source: Any
    if token:
        if not re.fullmatch(r"[\x21-\x7e]+", token):
            # As a header that can't be sent it would be quoted in an error.
            raise DefaultCredentialsError(  # type: ignore[no-untyped-call]
                f"the environment variable {ACCESS_TOKEN} isn't an access token: it has a blank, a line "
                "break or a character that isn't ASCII. Set it to what gcloud auth print-access-token "
                "prints, without the line break, or unset it."
            )
        source = oauth.Credentials(token)  # type: ignore[no-untyped-call]
    else:
        source, _ = google.auth.default(scopes=[SCOPE])
    chain = impersonated or tuple(filter(None, (os.environ.get(IMPERSONATION),)))
    if chain:
        *delegates, account = chain
        # Google's library sends these as they are, and the API takes no bare address here.
        names = [f"projects/-/serviceAccounts/{delegate}" for delegate in delegates]
        source = impersonated_credentials.Credentials(  # type: ignore[no-untyped-call]
            source, account, [SCOPE], delegates=names
        )
    found: Credentials = source.with_quota_project(quota_project) if quota_project else source
    return found


def why_unanswered(error: Exception) -> str:
    """Return why a request got no answer, for an error of requests or google-auth's TransportError.

    Only errors of the connection and redirects are quoted: the text of others may have a header, and so a
    token, in it.
    """
    from requests import ConnectionError as NotConnected
    from requests import RequestException, Timeout, TooManyRedirects

    # google-auth wraps the error of requests.
    cause = next((wrapped for wrapped in error.args if isinstance(wrapped, RequestException)), error)
    quoted = isinstance(cause, (NotConnected, Timeout, TooManyRedirects))
    return str(cause) if quoted else type(cause).__name__
