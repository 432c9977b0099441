"""Protects the keys of Vault that only the stack's state has: it is saved at once, and they stay in it."""

import os

import pulumi

from components.custody.key_custody import STATE_LOCATION
from components.errors import DeploymentError
from components.resource_types import OPERATOR_INIT
from components.stack_state import exported_deployment, qualified_stack_name

SKIP_CHECKPOINTS = "PULUMI_SKIP_CHECKPOINTS"


class KeysLostError(DeploymentError):
    """The resource that has the only copy of Vault's keys would be replaced."""


class SecondDeploymentError(DeploymentError):
    """The stack has a Vault already, and this program would deploy another one and delete that."""


def require_checkpoints(*, keys_in_state: bool) -> None:
    """Raise if Pulumi would save a state that keeps secrets only at the end of the update."""
    if os.environ.get(SKIP_CHECKPOINTS, "").lower() in ("1", "true"):
        what = "the keys of Vault" if keys_in_state else "the key of the journal"
        raise DeploymentError(
            f"{SKIP_CHECKPOINTS} is set, so Pulumi saves the state only when the update ends, and this state "
            f"keeps {what}, which an interruption would lose. Unset the variable and run pulumi up again."
        )


def refuse_second_init() -> pulumi.ResourceHookBinding:
    """Return the hook that refuses to create the init's resource while the state has one with Vault's keys.

    With `--replace`, `--target-replace` and `pulumi state taint` the engine creates another one without
    telling its provider of the first, which it deletes then.
    """
    stack = qualified_stack_name()

    # Not in a thread, as in interrupted_run.py.
    def hook(args: pulumi.ResourceHookArgs) -> None:
        refuse_loss_of_keys(args.urn, stack)

    options = pulumi.ResourceHookOptions(on_dry_run=True)
    return pulumi.ResourceHookBinding(
        before_create=[pulumi.ResourceHook("before-init-is-created", hook, options)]
    )


def refuse_loss_of_keys(urn: str, stack: str) -> None:
    """Raise if the state has an init already.

    With another URN it is one of another program, whose other resources would be deleted, too: raises
    :class:`SecondDeploymentError`. With that URN and Vault's keys in it: :class:`KeysLostError`.
    """
    for resource in exported_deployment(stack).get("resources", ()):
        if resource["type"] == OPERATOR_INIT and resource["urn"] != urn:
            raise SecondDeploymentError(
                f"This stack has deployed its Vault as {resource['urn']}, and this program would deploy one "
                f"as {urn} and delete that one. Nothing was changed. A stack has one Vault; it goes over "
                "from a clone to Vault(...) of the package, and not back (docs/package.md)."
            )
        # States of earlier versions have no location.
        location = resource.get("outputs", {}).get("keys_location", STATE_LOCATION)
        if resource["urn"] == urn and location == STATE_LOCATION:
            raise KeysLostError(
                f"{urn} would be replaced, and Vault's root token and shares are in the state of this "
                "resource alone. Nothing was changed. Run the command without --replace or --target-replace "
                f"of it, and if it is tainted, first: pulumi state untaint '{urn}'"
            )
