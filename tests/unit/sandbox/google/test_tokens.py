import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from sandbox.google.api_errors import GoogleError, TokenError
from sandbox.google.callers import CLOUD_PLATFORM, USER_EMAIL, USER_INFO_HOST
from sandbox.google.project import (
    SERVICE_ACCOUNT_ISSUER,
    STS_AUDIENCE,
    WORKLOAD_POOL,
    member_of_workload,
)
from sandbox.google.rest_routes import NOBODY, Call, Caller
from tests.unit.sandbox.google.google_clock import CLUSTER_KEY, PROJECT, Parts

KMS = "cloudkms.googleapis.com"
TOKEN_URI = "https://oauth2.googleapis.com/token"


def key_file(parts: Parts, email: str) -> dict[str, str]:
    answer = parts.call("POST", f"{PROJECT}/serviceAccounts/{email}/keys")
    credentials: dict[str, str] = json.loads(base64.b64decode(answer["privateKeyData"]))
    return credentials


def statement(parts: Parts, credentials: Mapping[str, str], **claims: object) -> str:
    now = int(parts.clock().timestamp())
    email = credentials["client_email"]
    usual: dict[str, Any] = {"iss": email, "sub": email, "iat": now, "exp": now + 3600}
    header = {"alg": "RS256", "kid": credentials["private_key_id"]}
    return jwt.encode(header, {**usual, **claims}, RSAKey.import_key(credentials["private_key"]))


def workload_token(
    parts: Parts, claims: Mapping[str, object] | None = None, *, key: RSAKey = CLUSTER_KEY
) -> str:
    now = int(parts.clock().timestamp())
    usual: dict[str, Any] = {
        "iss": SERVICE_ACCOUNT_ISSUER,
        "aud": [WORKLOAD_POOL],
        "sub": "system:serviceaccount:vault:vault",
        "iat": now,
        "exp": now + 3600,
    }
    return jwt.encode({"alg": "RS256"}, {**usual, **(claims or {})}, key)


def exchange(parts: Parts, token: str, **changes: str) -> Any:
    body = {
        "grantType": "urn:ietf:params:oauth:grant-type:token-exchange",
        "audience": STS_AUDIENCE,
        "scope": CLOUD_PLATFORM,
        "requestedTokenType": "urn:ietf:params:oauth:token-type:access_token",
        "subjectTokenType": "urn:ietf:params:oauth:token-type:jwt",
        "subjectToken": token,
    }
    return parts.tokens.exchange(Call(NOBODY, {}, body={**body, **changes}))


def member_of(parts: Parts, credentials: str, host: str = KMS) -> str:
    return parts.callers.authenticate(f"Bearer {credentials}", host).member


def test_a_statement_for_the_host_names_its_account(parts: Parts) -> None:
    email = parts.create_account("vault-unseal")
    signed = statement(parts, key_file(parts, email), aud=f"https://{KMS}/")
    assert member_of(parts, signed) == f"serviceAccount:{email}"
    with pytest.raises(GoogleError, match="invalid authentication credentials"):
        member_of(parts, signed, "iam.googleapis.com")


def test_a_statement_with_a_scope_holds_for_every_host(parts: Parts) -> None:
    email = parts.create_account("vault-unseal")
    signed = statement(parts, key_file(parts, email), scope=CLOUD_PLATFORM)
    assert member_of(parts, signed, "iam.googleapis.com") == f"serviceAccount:{email}"
    narrow = statement(
        parts, key_file(parts, email), scope="https://www.googleapis.com/auth/devstorage.read_only"
    )
    with pytest.raises(GoogleError, match="insufficient authentication scopes") as raised:
        member_of(parts, narrow)
    assert raised.value.reason == "ACCESS_TOKEN_SCOPE_INSUFFICIENT"


def test_statements_that_do_not_hold(parts: Parts) -> None:
    email = parts.create_account("vault-unseal")
    credentials, now = key_file(parts, email), int(parts.clock().timestamp())
    audience = f"https://{KMS}/"
    foreign = {**credentials, "private_key": RSAKey.generate_key(2048).as_pem(private=True).decode()}
    bad = [
        statement(parts, credentials, aud=audience, iat=now - 7200, exp=now - 3600),
        statement(parts, credentials, aud=audience, exp=now + 7200),
        statement(parts, credentials, aud=audience, iss="other@example.com"),
        statement(parts, credentials, aud=audience, sub="other@example.com"),
        statement(parts, credentials),
        statement(parts, foreign, aud=audience),
        "not.a.statement",
        "nothing",
    ]
    for signed in bad:
        with pytest.raises(GoogleError) as raised:
            member_of(parts, signed)
        assert raised.value.status == "UNAUTHENTICATED"


@pytest.mark.parametrize("end", ["DELETE key", "DELETE account", "disable"])
def test_a_key_ends_with_itself_and_with_its_account(parts: Parts, end: str) -> None:
    email = parts.create_account("vault-unseal")
    credentials = key_file(parts, email)
    account = f"{PROJECT}/serviceAccounts/{email}"
    signed = statement(parts, credentials, aud=f"https://{KMS}/")
    assert member_of(parts, signed)
    match end:
        case "DELETE key":
            parts.call("DELETE", f"{account}/keys/{credentials['private_key_id']}")
        case "DELETE account":
            parts.call("DELETE", account)
            assert parts.create_account("vault-unseal") == email
        case _:
            parts.call("POST", f"{account}:disable")
    with pytest.raises(GoogleError, match="invalid authentication credentials"):
        member_of(parts, signed)


def test_a_login_gives_an_access_token_for_an_hour(parts: Parts) -> None:
    email = parts.create_account("vault-unseal")
    signed = statement(parts, key_file(parts, email), aud=TOKEN_URI, scope=CLOUD_PLATFORM)
    (route,) = parts.tokens.oauth_routes()
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": signed}
    granted = route.handler(Call(NOBODY, {}, body=form))
    assert isinstance(granted, dict)
    token = granted["access_token"]
    assert member_of(parts, token) == f"serviceAccount:{email}"
    parts.clock.pass_time(hours=1)
    with pytest.raises(GoogleError, match="invalid authentication credentials"):
        member_of(parts, token)
    with pytest.raises(TokenError, match="invalid_grant: Invalid JWT: Token must be a short-lived"):
        route.handler(Call(NOBODY, {}, body=form))


def test_a_token_of_a_deleted_account_is_none_of_its_successors(parts: Parts) -> None:
    email = parts.create_account("vault-unseal")
    account = parts.accounts.find(email)
    token, _ = parts.callers.issue(
        f"serviceAccount:{email}", frozenset({CLOUD_PLATFORM}), 3600, account=account
    )
    assert member_of(parts, token)
    parts.call("DELETE", f"{PROJECT}/serviceAccounts/{email}")
    parts.create_account("vault-unseal")
    with pytest.raises(GoogleError, match="invalid authentication credentials"):
        member_of(parts, token)


def test_without_credentials_google_says_what_it_expects(parts: Parts) -> None:
    with pytest.raises(GoogleError, match="missing required authentication credential") as raised:
        parts.callers.authenticate(None, KMS)
    assert raised.value.code == 401


def test_a_workloads_token_is_exchanged(parts: Parts) -> None:
    answer = exchange(parts, workload_token(parts))
    assert member_of(parts, answer["access_token"]) == member_of_workload("vault", "vault")
    assert answer["expires_in"] == 3600


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"iss": "https://example.com"}, "The issuer in ID Token https://example.com does not match"),
        ({"aud": ["https://kubernetes.default.svc"]}, "The audience in ID Token .* does not match"),
        ({"exp": 1}, "is stale to sign-in"),
        ({"sub": "system:node:one"}, "is no service account"),
    ],
)
def test_a_workloads_token_that_does_not_hold(parts: Parts, claims: Mapping[str, object], said: str) -> None:
    with pytest.raises(TokenError, match=f"invalid_grant: .*{said}"):
        exchange(parts, workload_token(parts, claims))


def test_a_workloads_token_of_another_cluster(parts: Parts) -> None:
    with pytest.raises(TokenError, match="signature is invalid"):
        exchange(parts, workload_token(parts, key=RSAKey.generate_key(2048)))


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"audience": "//iam.googleapis.com/x"}, "invalid_request"),
        ({"audience": f"identitynamespace:other.svc.id.goog:{SERVICE_ACCOUNT_ISSUER}"}, "invalid_target"),
        ({"grantType": "password"}, "unsupported_grant_type"),
        ({"scope": ""}, "invalid_scope"),
        ({"requestedTokenType": "x"}, "invalid_request"),
        ({"subjectTokenType": "x"}, "invalid_request"),
    ],
)
def test_exchanges_that_are_refused(parts: Parts, changes: Mapping[str, str], error: str) -> None:
    with pytest.raises(TokenError) as raised:
        exchange(parts, workload_token(parts), **changes)
    assert raised.value.error == error


def test_only_who_may_impersonates_an_account(parts: Parts) -> None:
    email = parts.create_account("vault-unseal")
    token = exchange(parts, workload_token(parts))["access_token"]
    caller = parts.callers.authenticate(f"Bearer {token}", "iamcredentials.googleapis.com")
    call = Call(caller, {"name": f"projects/-/serviceAccounts/{email}"}, body={"scope": [CLOUD_PLATFORM]})
    denied = r"Permission 'iam\.serviceAccounts\.getAccessToken' denied on resource \(or it may not exist\)\."
    with pytest.raises(GoogleError, match=denied):
        parts.tokens.generate_access_token(call)
    parts.bind(
        f"{PROJECT}/serviceAccounts/{email}",
        "roles/iam.workloadIdentityUser",
        member_of_workload("vault", "vault"),
    )
    issued = parts.tokens.generate_access_token(call)
    assert issued["expireTime"] == "2026-03-01T13:00:00Z"
    assert member_of(parts, issued["accessToken"]) == f"serviceAccount:{email}"
    other = exchange(parts, workload_token(parts, {"sub": "system:serviceaccount:vault:other"}))[
        "access_token"
    ]
    caller = parts.callers.authenticate(f"Bearer {other}", "iamcredentials.googleapis.com")
    with pytest.raises(GoogleError, match=denied):
        parts.tokens.generate_access_token(Call(caller, call.names, body=call.body))


def test_an_impersonation_says_what_is_wrong_with_it(parts: Parts) -> None:
    email = parts.create_account("vault-unseal")
    names = {"name": f"projects/-/serviceAccounts/{email}"}
    with pytest.raises(GoogleError, match="scope is required"):
        parts.tokens.generate_access_token(Call(NOBODY, names))
    with pytest.raises(GoogleError, match="lifetime must be greater than zero"):
        body = {"scope": [CLOUD_PLATFORM], "lifetime": "3601s"}
        parts.tokens.generate_access_token(Call(NOBODY, names, body=body))
    with pytest.raises(GoogleError, match=r"Gaia id not found for email nobody@example\.com"):
        names = {"name": "projects/-/serviceAccounts/nobody@example.com"}
        parts.tokens.generate_access_token(Call(NOBODY, names, body={"scope": [CLOUD_PLATFORM]}))


def test_a_chain_of_delegates_needs_a_right_for_each_link(parts: Parts) -> None:
    person = "user:deployer@example.com"
    first, second, last = (parts.create_account(name) for name in ("first-one", "second-one", "last-one"))
    call = Call(
        Caller(person),
        {"name": f"projects/-/serviceAccounts/{last}"},
        body={
            "scope": [CLOUD_PLATFORM],
            "delegates": [f"projects/-/serviceAccounts/{delegate}" for delegate in (first, second)],
        },
    )
    creator = "roles/iam.serviceAccountTokenCreator"
    links = (
        (person, first, "implicitDelegation"),
        (f"serviceAccount:{first}", second, "implicitDelegation"),
        (f"serviceAccount:{second}", last, "getAccessToken"),
    )
    for member, account, missing in links:
        with pytest.raises(GoogleError, match=f"iam.serviceAccounts.{missing}' denied"):
            parts.tokens.generate_access_token(call)
        parts.bind(f"{PROJECT}/serviceAccounts/{account}", creator, member)
    issued = parts.tokens.generate_access_token(call)
    assert member_of(parts, issued["accessToken"]) == f"serviceAccount:{last}"
    direct = Call(call.caller, call.names, body={"scope": [CLOUD_PLATFORM]})
    with pytest.raises(GoogleError, match="getAccessToken' denied"):
        parts.tokens.generate_access_token(direct)


def test_the_right_to_a_token_alone_makes_no_delegate(parts: Parts) -> None:
    delegate, email = parts.create_account("first-one"), parts.create_account("last-one")
    names = {"name": f"projects/-/serviceAccounts/{email}"}
    body = {"scope": [CLOUD_PLATFORM], "delegates": [f"projects/-/serviceAccounts/{delegate}"]}
    member = "user:deployer@example.com"
    # It has getAccessToken and no implicitDelegation.
    parts.bind(f"{PROJECT}/serviceAccounts/{delegate}", "roles/iam.workloadIdentityUser", member)
    with pytest.raises(GoogleError, match="implicitDelegation"):
        parts.tokens.generate_access_token(Call(Caller(member), names, body=body))


@pytest.mark.parametrize(
    ("delegates", "said"),
    [
        (["first@sandbox-project.iam.gserviceaccount.com"], "Invalid form of a delegate"),
        (["projects/sandbox-project/serviceAccounts/first"], "Invalid form of a delegate"),
        ("first", "Invalid value at 'delegates'"),
        (["projects/-/serviceAccounts/nobody@example.com"], "Gaia id not found"),
    ],
)
def test_delegates_that_are_refused(parts: Parts, delegates: object, said: str) -> None:
    names = {"name": f"projects/-/serviceAccounts/{parts.create_account('last-one')}"}
    body = {"scope": [CLOUD_PLATFORM], "delegates": delegates}
    with pytest.raises(GoogleError, match=said):
        parts.tokens.generate_access_token(Call(Caller("user:deployer@example.com"), names, body=body))


def test_whose_token_it_is_takes_a_scope_of_its_own(parts: Parts) -> None:
    email = parts.create_account("vault-unseal")
    answers = {
        f"serviceAccount:{email}": email,
        "user:deployer@example.com": "deployer@example.com",
        member_of_workload("vault", "vault"): None,
    }
    for member, address in answers.items():
        token, _ = parts.callers.issue(member, frozenset({USER_EMAIL}), 3600)
        caller = parts.callers.authenticate(f"Bearer {token}", USER_INFO_HOST)
        assert parts.tokens.user_info(Call(caller, {})).get("email") == address
        with pytest.raises(GoogleError, match="insufficient authentication scopes"):
            member_of(parts, token)
        token, _ = parts.callers.issue(member, frozenset({CLOUD_PLATFORM}), 3600)
        with pytest.raises(GoogleError, match="invalid authentication credentials") as raised:
            parts.callers.authenticate(f"Bearer {token}", USER_INFO_HOST)
        assert raised.value.code == 401
