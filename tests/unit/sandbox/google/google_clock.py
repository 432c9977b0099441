"""A Google Cloud without listeners, at a time that a test sets."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from joserfc.jwk import RSAKey

from sandbox.google.accounts import Accounts
from sandbox.google.api_errors import GoogleError, JsonObject
from sandbox.google.callers import CLOUD_PLATFORM, Callers
from sandbox.google.clusters import Clusters
from sandbox.google.custom_roles import CustomRoles
from sandbox.google.enabled_services import EnabledServices
from sandbox.google.firewalls import Firewalls
from sandbox.google.instance_groups import InstanceGroups
from sandbox.google.key_management import KeyManagement
from sandbox.google.policies import Policies
from sandbox.google.project import PROJECT_ID
from sandbox.google.rest_routes import Call, Caller, Route
from sandbox.google.secret_manager import SecretManager
from sandbox.google.service_accounts import ServiceAccounts
from sandbox.google.token_services import TokenServices

PROJECT = f"projects/{PROJECT_ID}"
OWNER = "user:owner@example.com"
CLUSTER_KEY = RSAKey.generate_key(2048)


@dataclass
class Clock:
    """What the parts take for the time."""

    now: datetime = field(default_factory=lambda: datetime(2026, 3, 1, 12, 0, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.now

    def pass_time(self, **duration: float) -> None:
        """Moves on."""
        self.now += timedelta(**duration)


class Parts:
    """What a project has, with the token services; the owner has every role's permissions."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.accounts = Accounts()
        self.roles = CustomRoles()
        self.policies = Policies(
            role_permissions=self.roles.permissions,
            account_exists=lambda email: self.accounts.find(email) is not None,
        )
        self.policies.grant(PROJECT, "roles/owner", OWNER)
        self.callers = Callers(self.accounts, self.clock)
        self.tokens = TokenServices(self.callers, self.accounts, self.policies, CLUSTER_KEY)
        self.services = EnabledServices(self.policies, self.clock)
        self.clusters = Clusters(self.policies)
        self.routes: list[Route] = [
            *self.services.routes(),
            *self.clusters.routes(),
            *InstanceGroups(self.policies, self.clusters).routes(),
            *Firewalls(self.policies, self.clock).routes(),
            *SecretManager(self.policies, self.clock).routes(),
            *KeyManagement(self.policies, self.clock).routes(),
            *ServiceAccounts(self.accounts, self.policies, self.clock).routes(),
            *self.roles.routes(self.policies),
        ]

    def call(
        self, method: str, path: str, body: JsonObject | None = None, *, member: str = OWNER, **query: str
    ) -> Any:
        """The answer of one method, with what is in it as JSON; ``path`` from the version on if not v1."""
        whole = path if path.startswith("/") else f"/v1/{path}"
        for route in self.routes:
            found = route.pattern.fullmatch(whole)
            if route.method == method and found is not None:
                caller = Caller(member, frozenset({CLOUD_PLATFORM}))
                return route.handler(Call(caller, found.groupdict(), query, body or {}))
        raise LookupError(f"{method} {path}")

    def create_key(self, **fields: Any) -> str:
        """A key in a ring; returns its name."""
        ring = f"{PROJECT}/locations/global/keyRings/ring"
        self.call("POST", f"{PROJECT}/locations/global/keyRings", keyRingId="ring")
        body = {"purpose": "ENCRYPT_DECRYPT", **fields}
        name: str = self.call("POST", f"{ring}/cryptoKeys", body, cryptoKeyId="key")["name"]
        return name

    def create_account(self, account_id: str) -> str:
        """A service account; returns its e-mail address."""
        email: str = self.call("POST", f"{PROJECT}/serviceAccounts", {"accountId": account_id})["email"]
        return email

    def error_of(
        self, method: str, path: str, body: JsonObject | None = None, *, member: str = OWNER, **query: str
    ) -> str:
        """Status and text of a refusal."""
        with pytest.raises(GoogleError) as raised:
            self.call(method, path, body, member=member, **query)
        return f"{raised.value.status}: {raised.value.message}"

    def bind(self, resource: str, role: str, *members: str) -> None:
        """Replaces a policy by one binding."""
        policy = {"bindings": [{"role": role, "members": list(members)}]}
        self.call("POST", f"{resource}:setIamPolicy", {"policy": policy})
