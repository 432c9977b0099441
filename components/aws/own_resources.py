"""Refuses settings by which a stack would give up the key or the role that its Vault uses."""

from components.errors import DeploymentError
from components.resource_types import IAM_ROLE, KMS_KEY, OPERATOR_INIT, RELEASE_GUARD
from components.stack_state import outputs_of_unretained, recorded_outputs, recorded_outputs_of


def require_key_stays(arn: str) -> None:
    """Raise :class:`DeploymentError` if `key.arn` names this stack's own key and that would be deleted.

    It leaves the stack then, and only what the state has recorded of it keeps it.
    """
    if any(key.get("arn") == arn for key in outputs_of_unretained(KMS_KEY).values()):
        raise DeploymentError(
            f"This stack has created the key {arn} (key.arn), so it would leave the stack and be scheduled "
            "for deletion, and nothing else opens what it has sealed. Nothing was changed. Remove key.arn, "
            "set key.retainOnDestroy to true, run pulumi up to its end, without --target or --exclude, and "
            "then set key.arn (docs/eks.md#an-existing-key)."
        )


def require_role_of_others(arn: str) -> None:
    """Raise :class:`DeploymentError` if this stack has created the role that `role.arn` names."""
    if any(role.get("arn") == arn for role in recorded_outputs(IAM_ROLE).values()):
        raise DeploymentError(
            f"This stack has created the role {arn} (role.arn), so it would leave the stack and be deleted, "
            "and Vault couldn't unseal without it. Nothing was changed. Remove role.arn."
        )


def require_no_other_key(name: str) -> None:
    """Raise :class:`DeploymentError` if Vault is sealed with a key of `key.arn`, and that isn't set any more.

    ``name`` is that of the key's resource. A new key would be created, and Vault's role be limited to it,
    before the guard of the release could refuse it: the preview doesn't know a key that is still to be
    created.
    """
    recorded = recorded_outputs_of(KMS_KEY, OPERATOR_INIT, RELEASE_GUARD)
    if name in recorded[KMS_KEY] or not recorded[OPERATOR_INIT]:
        return
    for guard in recorded[RELEASE_GUARD].values():
        if guard.get("seal_type") == "awskms" and guard.get("seal_key"):
            raise DeploymentError(
                f"Vault is sealed with the key {guard['seal_key']}, which isn't this stack's own, and "
                "key.arn isn't set, so another key would be created, which opens nothing of Vault's. "
                "Nothing was changed. Set key.arn back: "
                f"pulumi config set --path key.arn {guard['seal_key']}"
            )
