"""The services that give out access tokens: OAuth 2.0, Security Token Service, IAM Credentials.

https://developers.google.com/identity/protocols/oauth2/service-account#httprest;
https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token (RFC 8693);
https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken;
https://cloud.google.com/iam/docs/service-account-permissions (`implicitDelegation`).
"""

import re
from dataclasses import dataclass

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from sandbox.google.accounts import TOKEN_URI, Account, Accounts, timestamp
from sandbox.google.api_errors import GoogleError, JsonObject, TokenError, text
from sandbox.google.callers import LONGEST_SECONDS, Callers, StatementError
from sandbox.google.policies import Policies
from sandbox.google.project import SERVICE_ACCOUNT_ISSUER, STS_AUDIENCE, WORKLOAD_POOL, member_of_workload
from sandbox.google.rest_routes import Call, Route

_BEARER_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_EXCHANGE_GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
_ACCESS_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 no password
_TOKEN_TYPES = ("urn:ietf:params:oauth:token-type:jwt", "urn:ietf:params:oauth:token-type:id_token")
_AUDIENCES = (TOKEN_URI, "https://accounts.google.com/o/oauth2/token")
_DELEGATE = re.compile(r"projects/-/serviceAccounts/([^/]+)")
_SUBJECT = re.compile(r"system:serviceaccount:([^:]+):([^:]+)")


@dataclass
class TokenServices:
    """All three, for one project and its one cluster."""

    callers: Callers
    accounts: Accounts
    policies: Policies
    cluster_key: RSAKey
    """The public half of what the cluster signs service-account tokens with."""

    def oauth_routes(self) -> list[Route]:
        """Return the routes of oauth2.googleapis.com."""
        return [Route("token", "POST", "/token", self._token, authenticated=False)]

    def open_id_routes(self) -> list[Route]:
        """Return the routes of openidconnect.googleapis.com."""
        return [Route("GetUserInfo", "GET", "/v1/userinfo", self.user_info)]

    def sts_routes(self) -> list[Route]:
        """Return the routes of sts.googleapis.com."""
        return [Route("ExchangeToken", "POST", "/v1/token", self.exchange, authenticated=False)]

    def credentials_routes(self) -> list[Route]:
        """Return the routes of iamcredentials.googleapis.com."""
        name = "/v1/{name=projects/-/serviceAccounts/*}"
        return [
            Route("GenerateAccessToken", "POST", f"{name}:generateAccessToken", self.generate_access_token),
            Route("GetAllowedLocations", "GET", f"{name}/allowedLocations", self._allowed_locations),
        ]

    def _token(self, call: Call) -> JsonObject:
        if call.body.get("grant_type") != _BEARER_GRANT:
            raise TokenError(
                "unsupported_grant_type", f"Invalid grant_type: {call.body.get('grant_type', '')}"
            )
        try:
            statement = self.callers.verify(str(call.body.get("assertion", "")))
        except StatementError as error:
            raise TokenError("invalid_grant", str(error)) from error
        if statement.claims.get("aud") not in _AUDIENCES:
            raise TokenError("invalid_grant", "Invalid JWT: Failed audience check.")
        scopes = frozenset(str(statement.claims.get("scope", "")).split())
        if not scopes:
            raise TokenError("invalid_scope", "Invalid OAuth scope or ID token audience provided.")
        if statement.claims.get("sub") not in (None, statement.account.email):
            raise TokenError(
                "unauthorized_client",
                "Client is unauthorized to retrieve access tokens using this method, or client not "
                "authorized for any of the scopes requested.",
            )
        member = f"serviceAccount:{statement.account.email}"
        token, _ = self.callers.issue(member, scopes, LONGEST_SECONDS, account=statement.account)
        return {"access_token": token, "expires_in": LONGEST_SECONDS - 1, "token_type": "Bearer"}

    def user_info(self, call: Call) -> JsonObject:
        """Return whose token it is; one of a pool of identities has no address.

        https://openid.net/specs/openid-connect-core-1_0.html#UserInfoResponse
        """
        _, _, name = call.caller.member.partition(":")
        if "[" in name:
            return {"sub": name}
        account = self.accounts.find(name)
        return {"sub": account.unique_id if account else name, "email": name, "email_verified": True}

    def exchange(self, call: Call) -> JsonObject:
        """Exchange a service-account token of the cluster's for an access token of the workload."""
        # JSON has lower camel case, a form what RFC 8693 has.
        body = {
            re.sub(r"[A-Z]", lambda found: f"_{found[0].lower()}", name): value
            for name, value in call.body.items()
        }
        if body.get("grant_type") != _EXCHANGE_GRANT:
            raise TokenError("unsupported_grant_type", "Invalid grant type.")
        if body.get("requested_token_type") != _ACCESS_TOKEN_TYPE:
            raise TokenError("invalid_request", 'Invalid value for "requested_token_type".')
        if body.get("subject_token_type") not in _TOKEN_TYPES:
            raise TokenError("invalid_request", 'Invalid value for "subject_token_type".')
        audience, scopes = str(body.get("audience", "")), frozenset(str(body.get("scope", "")).split())
        if not audience.startswith("identitynamespace:"):
            raise TokenError(
                "invalid_request",
                'Invalid value for "audience". This value should be the full resource name of the Identity '
                "Provider. See https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token for "
                "the list of possible formats.",
            )
        if audience != STS_AUDIENCE:
            raise TokenError(
                "invalid_target",
                'The target service indicated by the "audience" parameters is invalid. This might either be '
                "because the pool or provider is disabled or deleted or because it doesn't exist.",
            )
        if not scopes:
            raise TokenError("invalid_scope", "Scope(s) must be provided.")
        member, seconds = self._workload(str(body.get("subject_token", "")))
        token, _ = self.callers.issue(member, scopes, seconds)
        return {
            "access_token": token,
            "issued_token_type": _ACCESS_TOKEN_TYPE,
            "token_type": "Bearer",
            "expires_in": int(seconds),
        }

    def _workload(self, token: str) -> tuple[str, float]:
        """Whom a service-account token of the cluster's is of, and for how many seconds it holds."""
        try:
            claims = jwt.decode(token, self.cluster_key, algorithms=["RS256"]).claims
        except (JoseError, ValueError) as error:
            raise TokenError(
                "invalid_grant", "The subject token is no JWT, or its signature is invalid."
            ) from error
        issuer = claims.get("iss")
        if issuer != SERVICE_ACCOUNT_ISSUER:
            raise TokenError(
                "invalid_grant",
                f"The issuer in ID Token {issuer} does not match the expected ones: "
                f"{SERVICE_ACCOUNT_ISSUER}.",
            )
        audiences = claims.get("aud")
        audiences = [audiences] if isinstance(audiences, str) else audiences
        if not isinstance(audiences, list) or WORKLOAD_POOL not in audiences:
            raise TokenError(
                "invalid_grant",
                f"The audience in ID Token [{audiences}] does not match the expected audience "
                f"{WORKLOAD_POOL}.",
            )
        now, expires = self.callers.now().timestamp(), claims.get("exp")
        if not isinstance(expires, int | float) or expires <= now or claims.get("nbf", 0) > now + 60:
            raise TokenError("invalid_grant", f"ID Token issued at {claims.get('iat')} is stale to sign-in.")
        subject = _SUBJECT.fullmatch(str(claims.get("sub")))
        if subject is None:
            raise TokenError("invalid_grant", f"The subject {claims.get('sub')} is no service account.")
        return member_of_workload(subject[1], subject[2]), min(expires - now, LONGEST_SECONDS)

    def generate_access_token(self, call: Call) -> JsonObject:
        """Serve `generateAccessToken`, for those who may impersonate the account."""
        reference = call.names["name"].rpartition("/")[2]
        delegates = self._delegates(call.body.get("delegates") or [])
        scopes = call.body.get("scope")
        if not isinstance(scopes, list) or not scopes:
            raise GoogleError("INVALID_ARGUMENT", "scope is required and cannot be empty")
        lifetime = re.fullmatch(r"(\d+)(?:\.\d+)?s", text(call.body, "lifetime", f"{LONGEST_SECONDS}s"))
        if lifetime is None or not 0 < int(lifetime[1]) <= LONGEST_SECONDS:
            raise GoogleError(
                "INVALID_ARGUMENT",
                f"The token lifetime must be greater than zero, and at most {LONGEST_SECONDS} s.",
            )
        account = self.accounts.find(reference)
        if account is None:
            raise GoogleError("NOT_FOUND", f"Not found; Gaia id not found for email {reference}")
        member = call.caller.member
        for delegate in delegates:
            self._require_impersonation(member, "iam.serviceAccounts.implicitDelegation", delegate)
            member = f"serviceAccount:{delegate.email}"
        self._require_impersonation(member, "iam.serviceAccounts.getAccessToken", account)
        token, expires = self.callers.issue(
            f"serviceAccount:{account.email}", frozenset(scopes), int(lifetime[1]), account=account
        )
        return {"accessToken": token, "expireTime": timestamp(expires)}

    def _delegates(self, names: object) -> list[Account]:
        """Return the accounts of a chain. Raises GoogleError (INVALID_ARGUMENT, NOT_FOUND)."""
        if not isinstance(names, list):
            raise GoogleError("INVALID_ARGUMENT", "Invalid value at 'delegates' (TYPE_STRING)")
        accounts = []
        for name in names:
            named = _DELEGATE.fullmatch(str(name))
            if named is None:
                raise GoogleError("INVALID_ARGUMENT", f"Invalid form of a delegate: {name}")
            account = self.accounts.find(named[1])
            if account is None:
                raise GoogleError("NOT_FOUND", f"Not found; Gaia id not found for email {named[1]}")
            accounts.append(account)
        return accounts

    def _require_impersonation(self, member: str, permission: str, account: Account) -> None:
        """Raise GoogleError unless the member has the permission on the account, and that is enabled."""
        if not self.policies.allows(member, permission, account.name):
            raise GoogleError(
                "PERMISSION_DENIED",
                f"Permission '{permission}' denied on resource (or it may not exist).",
                reason="IAM_PERMISSION_DENIED",
                domain="iam.googleapis.com",
                metadata={"permission": permission},
            )
        if account.disabled:
            raise GoogleError("FAILED_PRECONDITION", "The service account is disabled.")

    def _allowed_locations(self, call: Call) -> JsonObject:
        """Return where an account may be used from, which Google's libraries ask on their own: everywhere."""
        if self.accounts.find(call.names["name"].rpartition("/")[2]) is None:
            raise GoogleError("NOT_FOUND", "Requested entity was not found.")
        return {"locations": [], "encodedLocations": "0x0"}
