"""Which tests share a deployment, and so have to be run by one worker of pytest-xdist, in their order."""

from collections.abc import Mapping
from pathlib import PurePosixPath

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # it has no types

SHARED: Mapping[str, str] = {
    **dict.fromkeys(
        (
            *("test_deployment", "test_injector", "test_network", "test_restart", "test_rollout"),
            *("test_snapshots", "test_updates", "test_vault_over_tls"),
        ),
        "make up",
    ),
    **{name: name for name in ("test_modes", "test_seal_migration", "test_shamir", "test_transit")},
}
"""The deployment that the tests of a module share, by the module. All other tests have one each."""

CHANGES = "test_changes"
"""The module whose tests share a deployment if their names are the same up to the colon."""


class DeploymentScheduling(LoadScopeScheduling):  # type: ignore[misc]  # pytest-xdist has no types
    """Hands out whole deployments, those with the most tests first, then the tests that share none."""

    def _split_scope(self, nodeid: str) -> str:
        return scope(nodeid)


def scope(nodeid: str) -> str:
    """Return what a test is handed out with: the deployment that it shares, or only itself."""
    module = PurePosixPath(nodeid.partition("::")[0]).stem
    return nodeid.partition(": ")[0] if module == CHANGES else SHARED.get(module, nodeid)
