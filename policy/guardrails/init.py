"""Judges the init: that it happens once, and what becomes of the keys and the root token."""

from collections.abc import Sequence

from .resource import Circumstances, Resource, ResourceRule, Rule, StackRule, Unknown
from .types import INSTALLED_RELEASE, OPERATOR_INIT, RELEASE, ROOT_TOKEN_REVOCATION


def unprotected_init(resource: Resource, _circumstances: Circumstances) -> Sequence[str]:
    """Return why the engine might replace or delete the init, which it refuses for what is protected."""
    if resource.type != OPERATOR_INIT or resource.protected:
        return []
    return ["the init isn't protected, so it could be replaced, that is run again, or deleted with its keys"]


def missing_init(resources: Sequence[Resource], _circumstances: Circumstances) -> Sequence[str]:
    """Return that the stack keeps Vault and loses the init, and with it the keys that are in the state."""
    if not has_vault(resources) or any(resource.type == OPERATOR_INIT for resource in resources):
        return []
    return ["the stack has Vault's release, and no init: with its resource its keys leave the state"]


def keys_in_state(resource: Resource, circumstances: Circumstances) -> Sequence[str]:
    """Return that everybody who may read the state of a production stack has Vault's keys."""
    if resource.type != OPERATOR_INIT or not circumstances.production:
        return []
    custody = resource.value("custody")
    if isinstance(custody, Unknown) or (isinstance(custody, dict) and custody.get("store")):
        return []
    # Encrypted for their holders they are of no use to whoever reads the state.
    if resource.value("pgp_keys") and resource.value("root_token_pgp_key"):
        return []
    return ["root token or shares are in the stack's state, for whoever has its passphrase or key"]


def kept_root_token(resources: Sequence[Resource], _circumstances: Circumstances) -> Sequence[str]:
    """Return that the root token of the init stays valid."""
    inits = [resource for resource in resources if resource.type == OPERATOR_INIT]
    if any(resource.type == ROOT_TOKEN_REVOCATION for resource in resources):
        return []
    return [
        "the root token of the init stays valid"
        for init in inits
        if not init.value("root_token_pgp_key") and not _came_without_keys(init)
    ]


def has_vault(resources: Sequence[Resource]) -> bool:
    """Return whether the stack deploys a Vault."""
    return any(resource.type in (RELEASE, INSTALLED_RELEASE, OPERATOR_INIT) for resource in resources)


def _came_without_keys(init: Resource) -> bool:
    """Return whether it is a Vault that others have initialised, whose root token the stack never had."""
    return init.value("adopt") is True and init.value("keys_location") == ""


RULES: Sequence[Rule] = (
    ResourceRule(
        "init-protected",
        "The init is never replaced or deleted.",
        "Leave the setting protect at true; pulumi state unprotect takes it away, and isn't needed for any "
        "change.",
        judge=unprotected_init,
    ),
    StackRule(
        "init-present",
        "The init stays in the stack as long as Vault does.",
        "Take the resource operator-init back into the program.",
        judge=missing_init,
    ),
    ResourceRule(
        "keys-in-custody",
        "Root token and shares of a production stack aren't in its state.",
        "Set custody.store before the init (docs/keys.md#custody), or init.pgpKeys and init.rootTokenPgpKey.",
        {
            "productionStacks": {
                "type": "array",
                "items": {"type": "string"},
                "default": ["*prod*"],
            }
        },
        judge=keys_in_state,
    ),
    StackRule(
        "root-token-revoked",
        "The root token of the init doesn't stay valid.",
        "Set init.rootToken to revoke, once there is another way in for administrators.",
        judge=kept_root_token,
    ),
)
