"""Tokens: which claims and signatures are good."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from sandbox.aws.error_responses import AwsError
from sandbox.aws.moto_state import IdentityProvider
from sandbox.aws.web_identity import WebIdentityClaims, verify_token

ISSUER = "https://oidc.example.com/id/1"
PROVIDER = IdentityProvider(
    "arn:aws:iam::1:oidc-provider/oidc.example.com/id/1", ISSUER, ("sts.amazonaws.com",)
)
NOW = datetime(2025, 1, 1, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
KEY = RSAKey.generate_key(2048)


def token(claims: Mapping[str, object] | None = None, algorithm: str = "RS256") -> str:
    usual = {
        "iss": ISSUER,
        "sub": "system:serviceaccount:vault:vault",
        "aud": ["sts.amazonaws.com"],
        "iat": SECONDS,
        "nbf": SECONDS,
        "exp": SECONDS + 600,
    }
    given = {name: value for name, value in (usual | dict(claims or {})).items() if value is not None}
    return jwt.encode({"alg": algorithm}, given, KEY, algorithms=[algorithm])


def test_a_projected_token_is_good() -> None:
    expected = WebIdentityClaims(ISSUER, "system:serviceaccount:vault:vault", "sts.amazonaws.com")
    assert verify_token(token(), PROVIDER, KEY, NOW) == expected
    assert verify_token(token({"aud": "sts.amazonaws.com", "nbf": None}), PROVIDER, KEY, NOW) == expected


@pytest.mark.parametrize(
    ("claims", "code", "message"),
    [
        ({"exp": SECONDS}, "ExpiredTokenException", f"current date/time {SECONDS} must be before"),
        ({"exp": None}, "InvalidIdentityToken", "could not be validated"),
        ({"exp": "tomorrow"}, "InvalidIdentityToken", "could not be validated"),
        ({"iat": None}, "InvalidIdentityToken", "could not be validated"),
        ({"nbf": SECONDS + 300}, "InvalidIdentityToken", "could not be validated"),
        ({"sub": None}, "InvalidIdentityToken", "could not be validated"),
        ({"aud": ["other"]}, "InvalidIdentityToken", "Incorrect token audience"),
        ({"aud": []}, "InvalidIdentityToken", "Incorrect token audience"),
        ({"aud": None}, "InvalidIdentityToken", "Incorrect token audience"),
        ({"aud": ["sts.amazonaws.com", "other"]}, "InvalidIdentityToken", "Incorrect token audience"),
    ],
)
def test_claims_that_are_not_good(claims: dict[str, object], code: str, message: str) -> None:
    with pytest.raises(AwsError, match=message) as raised:
        verify_token(token(claims), PROVIDER, KEY, NOW)
    assert (raised.value.code, raised.value.status) == (code, 400)


def test_signatures_that_are_not_good() -> None:
    good = token()
    header, payload, signature = good.split(".")
    with pytest.raises(AwsError, match="could not be validated"):
        verify_token(good, PROVIDER, RSAKey.generate_key(2048), NOW)
    with pytest.raises(AwsError, match="could not be validated"):
        verify_token(f"{header}.{payload}.", PROVIDER, KEY, NOW)
    with pytest.raises(AwsError, match="could not be validated"):
        verify_token(f"{header}.{payload}.{signature[::-1]}", PROVIDER, KEY, NOW)
    with pytest.raises(AwsError, match="could not be validated"):
        verify_token(token(algorithm="PS256"), PROVIDER, KEY, NOW)


def test_an_issuer_that_does_not_answer() -> None:
    with pytest.raises(AwsError, match="Couldn't retrieve verification key"):
        verify_token(token(), PROVIDER, None, NOW)
