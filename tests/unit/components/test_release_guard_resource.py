"""The guard of storage and seal as the engine is asked for it."""

from collections.abc import Mapping
from typing import Any

import pulumi
import pytest

from components.release_guard import ReleaseGuard
from tests.unit.fakes.init_inputs import access
from tests.unit.fakes.mocked_account import GUARD
from tests.unit.fakes.recorded_deployment import deploy
from tests.unit.fakes.stack_settings import EKS, SHAMIR, parse

MIGRATING = {**EKS, "seal": "shamir", "migrateFrom": {"seal": "awskms"}}


@pytest.mark.parametrize(
    ("settings", "changed"),
    [
        (SHAMIR, {}),
        ({**SHAMIR, "storageMigratedTo": "raft"}, {"migrated_to": "raft"}),
        (MIGRATING, {"migrate_from": "awskms"}),
        ({**SHAMIR, "mode": "standalone"}, {"storage": "file", "replicas": 1}),
        # What Argo CD or Flux installs has no annotations of Helm.
        ({**SHAMIR, "release": "false"}, {"release_name": ""}),
    ],
    ids=["defaults", "moved data", "migration", "standalone", "release of others"],
)
def test_guard_knows_storage_and_seal(settings: Mapping[str, Any], changed: Mapping[str, Any]) -> None:
    def program() -> None:
        ReleaseGuard(
            "release-guard",
            parse(settings),
            access(),
            pulumi.ResourceOptions(),
            seal_key="key",
            migrate_from_key="old key",
        )

    inputs = dict(deploy({}, answers={}, outputs=lambda _: {}, program=program).only(GUARD).inputs)
    assert inputs.pop("__provider")
    assert inputs == {
        "storage": "raft",
        "migrated_to": "",
        "seal_type": "shamir",
        "seal_key": "key",
        "migrate_from": "",
        "migrate_from_key": "old key",
        "image": "hashicorp/vault:1.21.2",
        "volumes": {name: {"size": "10Gi", "storage_class": ""} for name in ("data", "audit")},
        "access": access().to_properties(),
        "replicas": 3,
        "release_name": "vault",
        **changed,
    }
