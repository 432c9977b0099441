"""Marks Vault's pods with their identity in the cloud, so that a change of it makes them outdated."""

from collections.abc import Mapping
from typing import Any

import pulumi

from components.settings.deployed_identity import (
    IDENTITY_ANNOTATION,
    identity_checksum,
    identity_in,
    names_identity,
)
from components.settings.deployed_vault import DeployedVault


def with_identity(values: Mapping[str, Any], deployed: DeployedVault | None) -> Mapping[str, Any]:
    """Return the chart's values with the checksum of the identity that the service account names.

    A new stack has it if there is an identity at all. One of an earlier version, whose pods lack it, gets it
    with the first change of the identity, as its pods would be replaced for nothing otherwise; one of which
    the state doesn't tell gets none. ``deployed`` is the Vault that the stack has; None for a new stack.
    """
    server = values["server"]
    named, annotations = server["serviceAccount"]["annotations"], server["annotations"]
    marked = {
        **annotations,
        IDENTITY_ANNOTATION: pulumi.Output.from_input(named).apply(identity_checksum),
    }
    before = deployed.identity if deployed is not None else None
    found: Any = annotations
    begins = deployed is None and any(map(names_identity, named))
    if begins or (before is not None and before.on_pods):
        found = marked
    elif before is not None:
        known = before.annotations
        # The annotations stay as they are inside: none becomes a secret because another one is.
        found = pulumi.Output.from_input(named).apply(
            lambda now: annotations if identity_in(now) == known else marked
        )
    return {**values, "server": {**server, "annotations": found}}
