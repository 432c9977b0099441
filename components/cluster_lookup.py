"""Looks up the managed cluster that the settings name."""

import json
from typing import TYPE_CHECKING

from components.settings import Settings
from components.settings.snapshots import BucketSettings

if TYPE_CHECKING:
    from components.aws.cluster import EksCluster
    from components.google.cluster import GkeCluster


def look_up_cluster(settings: Settings) -> "EksCluster | GkeCluster | None":
    """Look up the cluster that the settings name; None if they name none.

    Everything that must exist already is looked up here, before any resource is created. Raises
    :class:`DeploymentError` if something doesn't.
    """
    wanted = settings.cluster
    if wanted is None:
        return None
    store = settings.snapshots.store if settings.snapshots is not None else None
    writes_by_token = isinstance(store, BucketSettings) and not store.pod_identity
    needs_issuer = writes_by_token or any(seal.needs_token_issuer for seal in settings.seals)
    # Only one cloud's SDK is imported: each takes a part of a second of every command.
    if wanted.project is not None:
        from components.google.cluster import GkeClusterNeeds, look_up_gke_cluster
        from components.google.node_pools import METADATA_LABEL

        needs = GkeClusterNeeds(
            endpoint=settings.kube_context is None,
            workload_identity=needs_issuer,
            placed=METADATA_LABEL
            in json.dumps(
                [settings.pods.affinity, settings.pods.node_selector, settings.chart.values.get("server")]
            ),
        )
        return look_up_gke_cluster(wanted.name, wanted.location, wanted.project, needs)
    from components.aws.cluster import look_up_eks_cluster

    return look_up_eks_cluster(
        wanted.name,
        wanted.location,
        needs_oidc_provider=needs_issuer,
        needs_pod_identity_agent=any(seal.needs_pod_identity_agent for seal in settings.seals),
        node_security_group_ids=settings.node_security_group_ids,
        provider_settings=settings.aws_provider,
    )
