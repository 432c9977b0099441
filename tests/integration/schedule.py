"""Which tests one worker of pytest-xdist runs together: a module's, unless each starts what it needs."""

from pathlib import PurePosixPath

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # it has no types

INDEPENDENT = frozenset(
    (
        "test_azure_seal",
        "test_generate_root",
        "test_operator_init",
        "test_seal_change",
        "test_seal_migration",
        "test_share_rotation",
    )
)
"""Modules whose tests start servers of their own and wait for them most of the time."""


class ModuleScheduling(LoadScopeScheduling):  # type: ignore[misc]  # pytest-xdist has no types
    """Hands out whole modules, those with the most tests first; then the tests that are independent."""

    def _split_scope(self, nodeid: str) -> str:
        return scope(nodeid)


def scope(nodeid: str) -> str:
    """Return what a test is handed out with: its module, or only itself."""
    module = nodeid.partition("::")[0]
    return nodeid if PurePosixPath(module).stem in INDEPENDENT else module
