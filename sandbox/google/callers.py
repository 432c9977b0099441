"""Who calls: access tokens, and the statements that service accounts sign themselves.

https://google.aip.dev/auth/4111 (self-signed JWT); https://cloud.google.com/docs/authentication/token-types.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives import serialization
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from joserfc.jws import extract_compact

from sandbox.google.accounts import Account, Accounts
from sandbox.google.api_errors import GoogleError
from sandbox.google.rest_routes import Caller

CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
USER_EMAIL = "https://www.googleapis.com/auth/userinfo.email"
USER_INFO_HOST = "openidconnect.googleapis.com"
"""The one host that cloud-platform isn't enough for."""
LONGEST_SECONDS = 3600
_CLOCK_TOLERANCE = timedelta(minutes=5)
_EXPECTED = (
    "Expected OAuth 2 access token, login cookie or other valid authentication credential. See "
    "https://developers.google.com/identity/sign-in/web/devconsole-project."
)
_SCOPES_OF_HOSTS: Mapping[str, str] = {
    "cloudkms.googleapis.com": "https://www.googleapis.com/auth/cloudkms",
    # Google's libraries ask for no more than this where they impersonate an account.
    "iamcredentials.googleapis.com": "https://www.googleapis.com/auth/iam",
    "storage.googleapis.com": "https://www.googleapis.com/auth/devstorage.full_control",
}


class StatementError(Exception):
    """A signed statement that doesn't hold; the text says why."""


@dataclass(frozen=True)
class Statement:
    """A statement that a service account has signed with a key of its own, verified."""

    account: Account
    claims: Mapping[str, Any]


@dataclass(frozen=True)
class _IssuedToken:
    caller: Caller
    expires: datetime
    account_id: str | None
    """The unique id of a service account: the token of a deleted account is none of its successor's."""


@dataclass
class Callers:
    """Issues access tokens and tells from a request's credentials who calls."""

    accounts: Accounts
    now: Callable[[], datetime]
    _tokens: dict[str, _IssuedToken] = field(default_factory=dict)

    def issue(
        self, member: str, scopes: frozenset[str], seconds: float, *, account: Account | None = None
    ) -> tuple[str, datetime]:
        """Issue an access token; returns it and when it ends."""
        token = f"ya29.c.{secrets.token_urlsafe(48)}"
        return token, self.register(token, member, scopes, seconds, account=account)

    def register(
        self,
        token: str,
        member: str,
        scopes: frozenset[str],
        seconds: float,
        *,
        account: Account | None = None,
    ) -> datetime:
        """Make a given text an access token."""
        expires = self.now() + timedelta(seconds=seconds)
        unique_id = None if account is None else account.unique_id
        self._tokens[token] = _IssuedToken(Caller(member, scopes), expires, unique_id)
        return expires

    def authenticate(self, authorization: str | None, host: str) -> Caller:
        """Return the caller of a request to ``host``. Raises GoogleError (UNAUTHENTICATED)."""
        if not authorization:
            raise GoogleError(
                "UNAUTHENTICATED",
                f"Request is missing required authentication credential. {_EXPECTED}",
                reason="CREDENTIALS_MISSING",
            )
        scheme, _, token = authorization.partition(" ")
        caller = None
        if scheme.lower() == "bearer":
            caller = self._by_token(token) or self._by_statement(token, host)
        if caller is None or (host == USER_INFO_HOST and USER_EMAIL not in caller.scopes):
            raise GoogleError(
                "UNAUTHENTICATED",
                f"Request had invalid authentication credentials. {_EXPECTED}",
                reason="ACCESS_TOKEN_TYPE_UNSUPPORTED" if token.count(".") == 2 else "ACCESS_TOKEN_EXPIRED",
            )
        if host != USER_INFO_HOST and caller.scopes.isdisjoint(
            {CLOUD_PLATFORM, _SCOPES_OF_HOSTS.get(host, CLOUD_PLATFORM)}
        ):
            raise GoogleError(
                "PERMISSION_DENIED",
                "Request had insufficient authentication scopes.",
                reason="ACCESS_TOKEN_SCOPE_INSUFFICIENT",
                metadata={"service": host},
            )
        return caller

    def verify(self, text: str) -> Statement:
        """Check a statement's signature, key, account and times. Raises StatementError."""
        try:
            key_id = str(extract_compact(text.encode()).headers().get("kid", ""))
        except (JoseError, ValueError) as error:
            raise StatementError("Invalid JWT: it can't be read.") from error
        found = self.accounts.find_key(key_id)
        if found is None:
            raise StatementError("Invalid JWT Signature.")
        account, key = found
        public_key = key.public_key.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        try:
            claims = jwt.decode(text, RSAKey.import_key(public_key), algorithms=["RS256"]).claims
        except (JoseError, ValueError) as error:
            raise StatementError("Invalid JWT Signature.") from error
        if claims.get("iss") != account.email:
            raise StatementError("Invalid grant: account not found")
        if account.disabled:
            raise StatementError("Invalid grant: account disabled")
        self._check_times(claims)
        return Statement(account, claims)

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        issued, expires = claims.get("iat"), claims.get("exp")
        if not isinstance(issued, int | float) or not isinstance(expires, int | float):
            raise StatementError(
                "Invalid JWT: Token must be a short-lived token (60 minutes) with iat and exp."
            )
        now, tolerance = self.now().timestamp(), _CLOCK_TOLERANCE.total_seconds()
        if not (issued - tolerance <= now < expires and expires - issued <= LONGEST_SECONDS + tolerance):
            raise StatementError(
                "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
                "Check your iat and exp values in the JWT claim."
            )

    def _by_token(self, token: str) -> Caller | None:
        issued = self._tokens.get(token)
        if issued is None or issued.expires <= self.now():
            return None
        if issued.account_id is not None:
            account = self.accounts.find(issued.account_id)
            if account is None or account.disabled:
                return None
        return issued.caller

    def _by_statement(self, text: str, host: str) -> Caller | None:
        if text.count(".") != 2:
            return None
        try:
            statement = self.verify(text)
        except StatementError:
            return None
        claims = statement.claims
        if claims.get("sub") != statement.account.email:
            return None
        scopes = frozenset(str(claims.get("scope", "")).split())
        if claims.get("aud") == f"https://{host}/":
            scopes = frozenset({CLOUD_PLATFORM})
        return Caller(f"serviceAccount:{statement.account.email}", scopes) if scopes else None
