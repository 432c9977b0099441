"""Node pools without Workload Identity: refused if there is no other, warned of if there is."""

from collections.abc import Mapping
from typing import Any

import pulumi
import pytest

from components.errors import DeploymentError
from components.google.node_pools import METADATA_LABEL, require_metadata_server

WHERE = "--location=europe-west3 --project=acme-prod"


def pool(name: str, *modes: str) -> Mapping[str, Any]:
    metadata = [{"mode": mode} for mode in modes]
    return {"name": name, "nodeConfigs": [{"workloadMetadataConfigs": metadata}]}


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", said.append)
    return said


@pytest.mark.parametrize(
    "cluster",
    [
        {},
        {"nodePools": []},
        {"nodePools": [pool("a", "GKE_METADATA"), pool("b", "GKE_METADATA")]},
        {"enableAutopilot": True, "nodePools": [pool("a")]},
    ],
)
def test_clusters_on_which_every_pod_has_its_identity(
    warnings: list[str], cluster: Mapping[str, Any]
) -> None:
    require_metadata_server(cluster, "prod", WHERE)
    assert warnings == []


@pytest.mark.parametrize("without", [pool("b"), pool("b", "GCE_METADATA"), {"name": "b"}])
def test_a_pool_without_is_warned_of(warnings: list[str], without: Mapping[str, Any]) -> None:
    require_metadata_server({"nodePools": [pool("a", "GKE_METADATA"), without]}, "prod", WHERE)
    (warning,) = warnings
    assert "(b)" in warning
    assert f"--cluster=prod {WHERE} --workload-metadata=GKE_METADATA" in warning
    assert f'{METADATA_LABEL}: "true"' in warning


def test_no_pool_with_it_is_an_error(warnings: list[str]) -> None:
    with pytest.raises(DeploymentError, match=r"No node pool of GKE cluster 'prod' .*\(a, b\)"):
        require_metadata_server({"nodePools": [pool("b"), pool("a", "GCE_METADATA")]}, "prod", WHERE)
    assert warnings == []
