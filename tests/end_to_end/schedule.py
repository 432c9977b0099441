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

APART = frozenset(
    (
        "test_a_changed_injector_takes_the_place_of_the_old_one_on_the_only_node",
        "test_preview_before_the_first_deployment_shows_every_resource",
        "test_vault_and_chart_are_upgraded_under_five_servers_by_runs_that_are_killed",
    )
)
"""Tests in those modules that have a deployment of their own, so any worker may run them."""

CHANGES = "test_changes"
"""The module whose tests share a deployment if their names are the same up to the colon."""


class DeploymentScheduling(LoadScopeScheduling):  # type: ignore[misc]  # pytest-xdist has no types
    """Hands out whole deployments, those with the most tests first, then the tests that share none."""

    def _split_scope(self, nodeid: str) -> str:
        return scope(nodeid)


def scope(nodeid: str) -> str:
    """Return what a test is handed out with: the deployment that it shares, or only itself."""
    file, _, test = nodeid.partition("::")
    module = PurePosixPath(file).stem
    if module == CHANGES:
        return nodeid.partition(": ")[0]
    return nodeid if test in APART else SHARED.get(module, nodeid)
