"""Judges whether the pods on a GKE cluster's nodes get their own identity, or that of the node."""

from collections.abc import Mapping
from typing import Any

import pulumi

from components.errors import DeploymentError

METADATA_LABEL = "iam.gke.io/gke-metadata-server-enabled"
"""Label of the nodes on which Workload Identity works; GKE sets it."""
_MODE = "GKE_METADATA"


def require_metadata_server(cluster: Mapping[str, Any], name: str, where: str) -> None:
    """Raise :class:`DeploymentError` if no node pool has GKE's metadata server; warn if some lack it.

    On a pool without it a pod authenticates as the node, whatever the cluster's setting, so Vault doesn't
    start there. ``cluster`` is the provider's look-up, ``where`` gcloud's flags of location and project.
    Autopilot's nodes have it always.
    Source: the GKE guide, "Authenticate to Google Cloud APIs from GKE workloads".
    """
    if cluster.get("enableAutopilot"):
        return
    pools = {str(pool.get("name")): _has_metadata_server(pool) for pool in cluster.get("nodePools") or ()}
    lacking = sorted(pool for pool, has_it in pools.items() if not has_it)
    if not lacking:
        return
    update = (
        f"gcloud container node-pools update <pool> --cluster={name} {where} --workload-metadata={_MODE} "
        "(it replaces the pool's nodes)"
    )
    listed = ", ".join(lacking)
    if len(lacking) == len(pools):
        raise DeploymentError(
            f"No node pool of GKE cluster {name!r} has Workload Identity ({listed}): Vault's pods would "
            "authenticate as the node's service account there.\n"
            f"Switch it on for the pool of Vault's nodes: {update}\n"
            "Or set identity.kind to key-file."
        )
    pulumi.log.warn(
        f"Node pools of GKE cluster {name!r} lack Workload Identity ({listed}): a Vault pod that comes to "
        f"run there doesn't start. Switch it on: {update}; or keep the pods away with the setting "
        f'nodeSelector: {{{METADATA_LABEL}: "true"}}.'
    )


def _has_metadata_server(pool: Mapping[str, Any]) -> bool:
    modes = {
        config.get("mode")
        for node in pool.get("nodeConfigs") or ()
        for config in node.get("workloadMetadataConfigs") or ()
    }
    return modes == {_MODE}
