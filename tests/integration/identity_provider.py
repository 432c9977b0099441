"""An OpenID Connect provider whose users need no password: Vault asks it as it asks any."""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import hvac
from joserfc import jwt
from joserfc.jwk import RSAKey
from werkzeug.wrappers import Request, Response

from tests.http_server import http_server

REDIRECT = "http://localhost:8250/oidc/callback"
"""Where `vault login -method=oidc` listens."""


@dataclass
class IdentityProvider:
    """The provider, and who is logging in."""

    client_id: str
    client_secret: str
    issuer: str = ""
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"use": "sig", "kid": "one"}))
    claims: dict[str, Any] = field(default_factory=dict)
    """Of the next ID token."""

    def answer(self, asked: Request) -> Response:
        """Discovery, keys, and a token for whatever code, to the client that knows its secret."""
        match asked.path:
            case "/.well-known/openid-configuration":
                return _json(
                    {
                        "issuer": self.issuer,
                        "authorization_endpoint": f"{self.issuer}/authorize",
                        "token_endpoint": f"{self.issuer}/token",
                        "jwks_uri": f"{self.issuer}/keys",
                        "id_token_signing_alg_values_supported": ["RS256"],
                    }
                )
            case "/keys":
                return _json({"keys": [self.key.as_dict(private=False)]})
            case "/token" if asked.authorization is not None:
                given = (asked.authorization.username, asked.authorization.password)
                if given != (self.client_id, self.client_secret):
                    return Response(status=401)
                token = jwt.encode({"alg": "RS256", "kid": "one"}, self.claims, self.key)
                return _json({"access_token": "none", "token_type": "Bearer", "id_token": token})
        return Response(status=404)

    def log_in(self, vault: str, *, user: str, groups: Sequence[str]) -> str:
        """Log a person in, as the CLI and a browser do; returns Vault's token. Raises what Vault says."""
        client = hvac.Client(url=vault, token="")
        begun: Any = client.write_data(
            "auth/oidc/oidc/auth_url", data={"role": "administrator", "redirect_uri": REDIRECT}
        )
        asked = parse_qs(urlsplit(begun["data"]["auth_url"]).query)
        now = int(time.time())
        self.claims = {
            "iss": self.issuer,
            "aud": self.client_id,
            "sub": user,
            "nonce": asked["nonce"][0],
            "iat": now,
            "exp": now + 300,
            "groups": list(groups),
        }
        answer: Any = client.adapter.get(
            "/v1/auth/oidc/oidc/callback", params={"state": asked["state"][0], "code": "any"}
        )
        return str(answer["auth"]["client_token"])


@contextmanager
def identity_provider(client_id: str, client_secret: str) -> Iterator[IdentityProvider]:
    """A provider on the loopback."""
    provider = IdentityProvider(client_id, client_secret)
    with http_server(lambda asked: provider.answer(asked)) as port:
        provider.issuer = f"http://127.0.0.1:{port}"
        yield provider


def _json(document: dict[str, Any]) -> Response:

    return Response(json.dumps(document), content_type="application/json")
