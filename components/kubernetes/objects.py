"""Registers objects of the Kubernetes API with the engine."""

from collections.abc import Mapping
from typing import Any

import pulumi

PATCH_FORCE = "pulumi.com/patchForce"
"""Annotation: an update takes fields over that somebody else has set, instead of failing.

Source: pulumi-kubernetes, "Managing resources with server-side apply"."""


class KubernetesObject(pulumi.CustomResource):
    """An object of the API, by the token of its type.

    The SDK's own classes import all types of their API, for the core API 0.3 s of every preview.
    """

    metadata: pulumi.Output[Mapping[str, Any]]
    """As the Kubernetes API has it."""

    def __init__(
        self,
        api_version: str,
        kind: str,
        name: str,
        properties: Mapping[str, Any],
        opts: pulumi.ResourceOptions,
    ) -> None:
        sent = {"apiVersion": api_version, "kind": kind, **properties}
        # The token of the core API has its name, which the objects' version leaves out.
        module = api_version if "/" in api_version else f"core/{api_version}"
        super().__init__(f"kubernetes:{module}:{kind}", name, sent, opts)
