"""Gives the job that takes snapshots its access to Vault: a role of the auth method `kubernetes`.

A token of that role can read a snapshot and nothing else, for five minutes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.errors import DeploymentError
from components.progress import say
from components.vault.client import VaultClient, VaultNotFoundError, VaultRefusedError

AUDIENCE = "vault-autounseal-snapshot"
"""Audience of the job's token of Kubernetes, so that it is worth nothing elsewhere, and no other one here."""
POLICY = 'path "sys/storage/raft/snapshot" {\n  capabilities = ["read"]\n}\n'
DOCUMENT = "docs/snapshots.md#the-token-of-the-setup"
_TOKEN_SECONDS = 300
_METHOD = "kubernetes"
_API_SERVER = "https://kubernetes.default.svc:443"


class SnapshotAccessError(DeploymentError):
    """The access can't be set up as it should be; the message says what stands in the way."""


def access_name(fullname: str) -> str:
    """Return the name of the role and of the policy."""
    return f"{fullname}-snapshot"


@dataclass(frozen=True)
class JobAccess:
    """The access of one job."""

    path: str
    """Path of the auth method, without `auth/`."""
    name: str
    """Name of role and policy."""
    service_account: str
    namespace: str

    @property
    def role(self) -> Mapping[str, Any]:
        """The role as Vault has it, without what it adds by itself."""
        return {
            "bound_service_account_names": [self.service_account],
            "bound_service_account_namespaces": [self.namespace],
            "audience": AUDIENCE,
            "token_policies": [self.name],
            "token_no_default_policy": True,
            "token_type": "batch",
            "token_ttl": _TOKEN_SECONDS,
            "token_max_ttl": _TOKEN_SECONDS,
        }

    def lacking(self, client: VaultClient) -> str:
        """Return what Vault doesn't have as it should be; empty if all is there.

        Raises :class:`VaultForbiddenError` if the token may not look.
        """
        if self._policy(client) != POLICY:
            return f"policy {self.name}"
        return "" if self._fits(self._role(client)) else f"role {self.name} of auth/{self.path}"

    def set_up(self, client: VaultClient, *, ours: bool) -> bool:
        """Create what is missing; return whether the auth method is one that this has enabled.

        What is there under these names and differs is changed only if it is ``ours``, and else refused by
        :class:`SnapshotAccessError`. An auth method that is there is never changed.
        """
        enabled = self._enable(client)
        policy, role = self._policy(client), self._role(client)
        differing = []
        if policy is not None and policy != POLICY:
            differing.append(f"policy {self.name}")
        if role is not None and not self._fits(role):
            differing.append(f"role {self.name} of auth/{self.path}")
        if differing and not ours:
            raise SnapshotAccessError(
                f"Vault has {' and '.join(differing)} already, and it isn't what this stack would make: "
                "somebody else has. It was left as it is. Delete it if nobody needs it (vault policy delete, "
                "vault delete auth/.../role/...), and run pulumi up again."
            )
        if policy != POLICY:
            client.request("PUT", self._policy_path, {"policy": POLICY})
        if not self._fits(role):
            client.request("PUT", self._role_path, self.role)
        if policy != POLICY or not self._fits(role):
            say(f"Vault lets service account {self.namespace}/{self.service_account} read snapshots")
        return enabled

    def take_away(self, client: VaultClient, *, enabled: bool, kept: "JobAccess | None" = None) -> None:
        """Delete role and policy, and an auth method that ``set_up`` has enabled if it has no other role.

        What ``kept`` has as well stays, which is the access that replaces this one.
        """
        if kept is None or kept._role_path != self._role_path:
            client.request("DELETE", self._role_path)
        if kept is None or kept.name != self.name:
            client.request("DELETE", self._policy_path)
        if enabled and (kept is None or kept.path != self.path) and not self._roles(client):
            client.request("DELETE", f"sys/auth/{self.path}")
        say(f"Vault lets service account {self.namespace}/{self.service_account} read snapshots no more")

    @property
    def _policy_path(self) -> str:
        return f"sys/policies/acl/{self.name}"

    @property
    def _role_path(self) -> str:
        return f"auth/{self.path}/role/{self.name}"

    def _enable(self, client: VaultClient) -> bool:
        answer = client.request("GET", "sys/auth")
        methods: Mapping[str, Mapping[str, Any]] = answer.get("data") or {}
        present = methods.get(f"{self.path}/")
        if present is not None and present["type"] != _METHOD:
            raise SnapshotAccessError(
                f"Vault's auth method at {self.path}/ is of type {present['type']}, and the job logs in by "
                "one of type kubernetes. Set snapshots.authPath to the path of one, or of a new one."
            )
        description = f"Enabled by vault-autounseal for {self.name}"
        if present is None:
            body = {"type": _METHOD, "description": description}
            client.request("POST", f"sys/auth/{self.path}", body)
            present = body
        if self._found(client, f"auth/{self.path}/config") is None:
            # Vault's own token and authority of its pod are read again whenever they change.
            client.request("POST", f"auth/{self.path}/config", {"kubernetes_host": _API_SERVER})
        return present.get("description") == description

    def _policy(self, client: VaultClient) -> str | None:
        found = self._found(client, self._policy_path)
        return None if found is None else str(found.get("policy"))

    def _role(self, client: VaultClient) -> Mapping[str, Any] | None:
        return self._found(client, self._role_path)

    def _roles(self, client: VaultClient) -> bool:
        return self._found(client, f"auth/{self.path}/role?list=true") is not None

    def _fits(self, role: Mapping[str, Any] | None) -> bool:
        return role is not None and all(role.get(name) == value for name, value in self.role.items())

    @staticmethod
    def _found(client: VaultClient, path: str) -> Mapping[str, Any] | None:
        try:
            data: Mapping[str, Any] = client.request("GET", path)["data"]
        except VaultNotFoundError:
            return None
        return data


def why_refused(error: VaultRefusedError) -> str:
    """Return the message for what Vault refuses to the token."""
    return (
        f"Vault refuses what the access of the snapshots' job needs: {error}. The token needs the rights in "
        f"{DOCUMENT}."
    )
