"""Which identity of the pods a release's values tell of."""

from collections.abc import Mapping
from typing import Any

import pytest

from components.settings.deployed_identity import (
    IDENTITY_ANNOTATION,
    DeployedIdentity,
    deployed_identity,
    identity_checksum,
    identity_in,
)

ROLE = {"eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/vault"}


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        ({"serviceAccount": {"annotations": ROLE}}, DeployedIdentity(ROLE, on_pods=False)),
        ({"serviceAccount": {"create": True}}, DeployedIdentity({}, on_pods=False)),
        ({"serviceAccount": {"annotations": None}, "annotations": None}, DeployedIdentity({}, on_pods=False)),
        (
            {"serviceAccount": {"annotations": ROLE}, "annotations": {IDENTITY_ANNOTATION: "5f"}},
            DeployedIdentity(ROLE, on_pods=True),
        ),
        ({}, None),
        ({"serviceAccount": "secret"}, None),
        ({"serviceAccount": {"annotations": "eks.amazonaws.com/role-arn: arn"}}, None),
    ],
)
def test_values_tell_of_it(server: Mapping[str, Any], expected: DeployedIdentity | None) -> None:
    assert deployed_identity(server) == expected


def test_only_what_pods_get_an_identity_from_counts() -> None:
    azure = {"azure.workload.identity/client-id": "11111111-2222-3333-4444-555555555555"}
    google = {"iam.gke.io/gcp-service-account": "vault@acme.iam.gserviceaccount.com"}
    others = {"argocd.argoproj.io/sync-wave": "1", "eks.amazonaws.com/audience": None}
    assert identity_in({**ROLE, **azure, **google, **others}) == {**ROLE, **azure, **google}


def test_checksum_follows_the_identity_alone() -> None:
    checksum = identity_checksum(ROLE)
    assert identity_checksum({"owner": "ada", **ROLE}) == checksum
    assert identity_checksum({name: f"{arn}-2" for name, arn in ROLE.items()}) != checksum
    assert identity_checksum({}) not in ("", checksum)
