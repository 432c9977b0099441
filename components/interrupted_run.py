"""Says how to go on if an interrupted run may have created what this run is about to create.

Pulumi's state names what a killed run was creating. It doesn't know whether that exists, so the next run
creates it again: a name is taken then, and a KMS key, which has none, becomes two.
"""

import re

import pulumi

from components import resource_types
from components.errors import DeploymentError
from components.progress import say
from components.stack_state import exported_deployment, qualified_stack_name, unfinished_creations

RESUME = ".venv/bin/python -m components resume"
"""The command that finds out what exists."""

NAMED = frozenset(
    {
        resource_types.AWS_SECRET,
        resource_types.FIREWALL,
        resource_types.GOOGLE_ACCOUNT,
        resource_types.GOOGLE_SECRET,
        resource_types.IAM_POLICY,
        resource_types.IAM_ROLE,
        resource_types.INGRESS_RULE,
        resource_types.KMS_ALIAS,
        resource_types.KUBERNETES_SECRET,
        resource_types.NAMESPACE,
        resource_types.NETWORK_POLICY,
        resource_types.POD_IDENTITY_ASSOCIATION,
    }
)
"""Types of which two can't exist under one name. The others that a run creates can be created again."""

_TAKEN = re.compile(r"already.?exists|duplicate", re.IGNORECASE)


class SecondCreationError(DeploymentError):
    """A KMS key may exist already, and another one would be created and paid for."""


def watch_for_interrupted_run() -> None:
    """Have each resource that is registered from now on tell of an interrupted run, if that matters to it."""
    dry_run = pulumi.runtime.is_dry_run()
    stack = qualified_stack_name()

    # Not in a thread of asyncio's pool: the engine's requests may have all of them, and wait for the hook.
    def before_key(args: pulumi.ResourceHookArgs) -> None:
        refuse_second_key(args.urn, stack, dry_run=dry_run)

    key = pulumi.ResourceHook("before-key", before_key, pulumi.ResourceHookOptions(on_dry_run=True))
    named = pulumi.ErrorHook("name-taken", explain_taken_name)

    def watch(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        if args.type_ == resource_types.KMS_KEY:
            hooks = pulumi.ResourceHookBinding(before_create=[key])
        elif args.type_ in NAMED:
            hooks = pulumi.ResourceHookBinding(on_error=[named])
        else:
            return None
        opts = pulumi.ResourceOptions.merge(args.opts, pulumi.ResourceOptions(hooks=hooks))
        return pulumi.ResourceTransformationResult(args.props, opts)

    pulumi.runtime.register_stack_transformation(watch)


def refuse_second_key(urn: str, stack: str, *, dry_run: bool) -> None:
    """Raise :class:`SecondCreationError` if an earlier run was interrupted while it created this KMS key.

    A preview only says so: the command `import` learns from it what to look for.
    """
    if not _creation_was_interrupted(urn, stack, dry_run=dry_run):
        return
    problem = (
        "An interrupted run of this stack was creating this KMS key, and it may exist. Nothing was created. "
        f"Take over what that run created, and then run pulumi up again: {RESUME}"
    )
    if not dry_run:
        raise SecondCreationError(problem)
    say(f"{urn}: {problem}")


def explain_taken_name(args: pulumi.ErrorHookArgs) -> bool:
    """Say how to go on if the name is taken; never ask for another attempt."""
    # The newest one comes first.
    error = args.errors[0] if args.errors else ""
    if args.failed_operation == "create" and _TAKEN.search(error):
        say(
            f"{args.name} ({args.type}) exists already. If a run of this stack was interrupted, take over "
            f"what it created, and then run pulumi up again: {RESUME}"
        )
    return False


def _creation_was_interrupted(urn: str, stack: str, *, dry_run: bool) -> bool:
    """Return whether the state has an earlier run's creation of that resource as unfinished.

    In an update this run's own is in the state, too.
    """
    try:
        deployment = exported_deployment(stack)
    except DeploymentError as error:
        say(f"Whether a run was interrupted can't be seen: {error}")
        return False
    unfinished = [one for one in unfinished_creations(deployment) if one["urn"] == urn]
    return len(unfinished) > (0 if dry_run else 1)
