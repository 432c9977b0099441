"""A stack of an older commit: a preview replaces nothing, and refresh and destroy need no update before."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.end_to_end.deployment import Deployment
from tests.end_to_end.older_program import require_goes_on

# Together these have all dynamic providers in their state, but for Google's.
SETTINGS: Mapping[str, Mapping[str, object]] = {
    "awskms, with the injector": {"replicas": 1},
    "shamir, without the root token": {
        "seal": "shamir",
        "replicas": 1,
        "injector": {"enabled": False},
        "init": {"rootToken": "revoke"},
        **dict.fromkeys(("clusterName", "region", "nodeSecurityGroupId")),
    },
}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_a_stack_of_the_older_program_goes_on(
    fresh: Deployment, settings: Mapping[str, object], tmp_path: Path
) -> None:
    custody = {"store": "file", "path": str(tmp_path / "keys" / "record.json")}
    require_goes_on(fresh, {**settings, "custody": custody}, tmp_path)
