"""Remembers which key of Google Cloud KMS the stack has, and refuses the name of another one.

If that other key exists already, the engine would import it in place of the stack's own, which is then
abandoned or destroyed, whether it is protected or not (pulumi/pkg, step_generator.go: import replacement).
"""

from typing import Any

import pulumi
from pulumi.dynamic import CheckFailure, CheckResult, CreateResult

from components.stable_provider import StableProvider, StableResource

INPUTS = ("key_id",)


class GoogleKeyIdentityProvider(StableProvider):
    """Records the key at creation, and refuses another one."""

    inputs = INPUTS

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Refuse a key other than the stack's, even in the preview."""
        old, new = _olds.get("key_id"), news["key_id"]
        if old in (None, new):
            return CheckResult(news, [])
        refusal = (
            f"the stack has the key {old}, and the settings name {new}. Nothing was changed. A key isn't "
            "renamed or replaced, as nothing else opens what it has sealed. Set project, key.keyRing, "
            "key.location and key.name back; another key takes a migration of the seal (docs/seals.md)"
        )
        return CheckResult(news, [CheckFailure("key_id", refusal)])

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Record the key's name."""
        return CreateResult(props["key_id"], self.input_values(props))


class GoogleKeyIdentity(StableResource, module="vault", name="GoogleKeyIdentity"):
    """The name of the key that seals this stack's Vault."""

    def __init__(self, name: str, key_id: str, opts: pulumi.ResourceOptions) -> None:
        super().__init__(GoogleKeyIdentityProvider(), name, {"key_id": key_id}, opts)
