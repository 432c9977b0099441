"""Requests to Google's REST APIs, and their errors in the words of the real plugin."""

import http.client
import json
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, cast

from sandbox.plugins.json_values import Json
from sandbox.plugins.provider import ProviderError, not_implemented

if TYPE_CHECKING:
    from requests import PreparedRequest, Response, Session

TOKEN_VARIABLE = "GOOGLE_OAUTH_ACCESS_TOKEN"  # noqa: S105 - a variable's name
IMPERSONATION_VARIABLE = "GOOGLE_IMPERSONATE_SERVICE_ACCOUNT"
_SCOPES: tuple[Json, ...] = (
    "https://www.googleapis.com/auth/cloud-platform",
    "https://www.googleapis.com/auth/userinfo.email",
)
JsonObject = dict[str, Json]
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
_TIMEOUT_SECONDS = 60.0
_RETRY_SECONDS = (0.5, 1.0, 2.0, 4.0)
_RETRIED = frozenset({429, 500, 502, 503})
_POLL_SECONDS = 0.2
_OPERATION_SECONDS = 20 * 60.0


class GoogleApiError(ProviderError):
    """Google refused a request, with an HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Google:
    """Google's APIs, as the real plugin reaches them: by their public names, with a token of the environment.

    ``requests`` is imported here and not before, as it takes longer than the rest of the plugin's start; it
    heeds ``HTTPS_PROXY`` and ``REQUESTS_CA_BUNDLE``.
    """

    def __init__(self, project: str | None, impersonated: str = "", delegates: Sequence[str] = ()) -> None:
        self.project = project
        self.cancelled = threading.Event()
        self._impersonated = impersonated
        self._delegates = delegates
        self._impersonated_token = ""
        self._token_lock = threading.Lock()
        self._sessions = threading.local()

    def request(
        self,
        method: Method,
        service: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: JsonObject | None = None,
    ) -> JsonObject:
        """Send one request to ``<service>.googleapis.com``; JSON both ways.

        Raises :class:`GoogleApiError` when Google refuses, and :class:`ProviderError` when it doesn't answer.
        What may be a passing trouble is tried again, as the real plugin does.
        """
        url = f"https://{service}.googleapis.com/{path}"
        for seconds in (*_RETRY_SECONDS, None):
            response = self._send(method, url, query, body, token=self._token())
            if response.status_code not in _RETRIED or seconds is None or self.cancelled.wait(seconds):
                break
        if response.status_code >= http.client.BAD_REQUEST:
            raise GoogleApiError(
                response.status_code, error_text(response.status_code, _json(response), response.text)
            )
        return _json(response)

    def _token(self) -> str:
        """Return the token of the environment, or one of the impersonated account, valid for an hour."""
        if not self._impersonated:
            return access_token()
        with self._token_lock:
            if not self._impersonated_token:
                self._impersonated_token = self._impersonate()
        return self._impersonated_token

    def _impersonate(self) -> str:
        account = f"https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{self._impersonated}"
        delegates: list[Json] = [f"projects/-/serviceAccounts/{delegate}" for delegate in self._delegates]
        body: JsonObject = {"scope": list(_SCOPES), "lifetime": "3600s", "delegates": delegates}
        answer = self._send("POST", f"{account}:generateAccessToken", None, body, token=access_token())
        if answer.status_code >= http.client.BAD_REQUEST:
            raise ProviderError(
                f"impersonate: status code {answer.status_code}: "
                f"{error_text(answer.status_code, _json(answer), answer.text)}"
            )
        return str(_json(answer)["accessToken"])

    def get(self, service: str, path: str, *, query: Mapping[str, str] | None = None) -> JsonObject:
        """Get what is at a path."""
        return self.request("GET", service, path, query=query)

    def get_if_there(self, service: str, path: str, *, what: str) -> JsonObject | None:
        """Get what is at a path, or ``None``; raises in the real plugin's words for reading ``what``."""
        try:
            return self.get(service, path)
        except GoogleApiError as error:
            if error.status == http.client.NOT_FOUND:
                return None
            raise ProviderError(one_error(f"Error when reading or editing {what}: {error}")) from error

    def list_all(
        self, service: str, path: str, field: str, *, query: Mapping[str, str] | None = None
    ) -> list[JsonObject]:
        """Return every entry of ``field`` on all pages of a list."""
        entries: list[JsonObject] = []
        page: dict[str, str] = {}
        while True:
            answer = self.get(service, path, query={**(query or {}), **page})
            entries.extend(objects(answer.get(field)))
            token = answer.get("nextPageToken")
            if not token:
                return entries
            page = {"pageToken": str(token)}

    def wait_for(self, service: str, operation: JsonObject, path: str, *, doing: str) -> None:
        """Wait for an operation, whose state is at ``path``, to end.

        Raises :class:`ProviderError` when it fails or takes too long.
        """
        pauses = self.pauses(doing)
        while not (operation.get("done") is True or operation.get("status") == "DONE"):
            next(pauses)
            operation = self.get(service, path)
        if isinstance(failure := operation.get("error"), dict):
            failures = objects(failure.get("errors")) or [failure]
            texts = "; ".join(str(one.get("message", one.get("code", ""))) for one in failures)
            raise ProviderError(f"Error waiting for {doing}: {texts}")

    def pauses(self, doing: str) -> Iterator[None]:
        """Pause before each further look at what takes time.

        Raises :class:`ProviderError` when it takes too long.
        """
        waited = 0.0
        while waited <= _OPERATION_SECONDS:
            if self.cancelled.wait(_POLL_SECONDS):
                raise ProviderError(f"waiting for {doing} was cancelled")
            waited += _POLL_SECONDS
            yield
        raise ProviderError(f"timeout while waiting for {doing}")

    def _send(
        self,
        method: Method,
        url: str,
        query: Mapping[str, str] | None,
        body: JsonObject | None,
        *,
        token: str,
    ) -> "Response":
        from requests import RequestException

        try:
            return self._session.request(
                method,
                url,
                params={"alt": "json", **(query or {})},
                json=body,
                headers={
                    "Authorization": f"Bearer {token}",
                    "User-Agent": "pulumi-gcp/stand-in",
                },
                timeout=_TIMEOUT_SECONDS,
            )
        except RequestException as error:
            raise ProviderError(f"{method.capitalize()} {json.dumps(url)}: {error}") from error

    @property
    def _session(self) -> "Session":
        from requests import Session

        if not hasattr(self._sessions, "session"):
            self._sessions.session = Session()
            # Without this a ~/.netrc would take the place of the token.
            self._sessions.session.auth = _leave_headers
        return cast("Session", self._sessions.session)


def access_token() -> str:
    """Return the token of the environment; other credentials are not implemented."""
    token = os.environ.get(TOKEN_VARIABLE, "")
    if not token:
        raise ProviderError(not_implemented("gcp", f"authentication without {TOKEN_VARIABLE}"))
    return token


def objects(value: Json) -> list[JsonObject]:
    """Return the objects of a JSON list; none if it is no list."""
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def texts(value: Json) -> dict[str, str]:
    """Return a JSON object of texts, such as labels; empty if it is none."""
    return {name: str(text) for name, text in value.items()} if isinstance(value, dict) else {}


def error_text(status: int, answer: JsonObject, raw: str) -> str:
    """Return the text of ``googleapi.Error`` of Google's Go library (google.golang.org/api/googleapi)."""
    error = answer.get("error")
    if not isinstance(error, dict) or not (error.get("message") or error.get("errors")):
        return f"googleapi: got HTTP response code {status} with body: {raw}"
    message = str(error.get("message", ""))
    text = f"googleapi: Error {status}: {message}"
    if details := error.get("details"):
        text += f"\nDetails:\n{json.dumps(details, indent=2, sort_keys=True)}\n"
    failures = objects(error.get("errors"))
    if not failures:
        return text.strip()
    if len(failures) == 1 and failures[0].get("message") == message:
        return f"{text}, {failures[0].get('reason', '')}"
    lines = [f"Reason: {one.get('reason', '')}, Message: {one.get('message', '')}\n" for one in failures]
    return f"{text}\nMore details:\n{''.join(lines)}"


def one_error(text: str) -> str:
    """Return the frame that the real plugin puts around a single error."""
    return f"1 error occurred:\n\t* {text}\n\n"


@contextmanager
def failing_as(doing: str) -> Iterator[None]:
    """Give Google's errors the form in which the real plugin reports them: ``<doing>: <error>``."""
    try:
        yield
    except ProviderError as error:
        raise ProviderError(one_error(f"{doing}: {error}")) from error


def _leave_headers(request: "PreparedRequest") -> "PreparedRequest":
    return request


def _json(response: "Response") -> JsonObject:
    try:
        answer = response.json()
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}
