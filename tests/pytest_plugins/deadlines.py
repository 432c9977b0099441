"""Give every test a time-out, by the layer that it belongs to.

A test that needs longer says so itself: ``@pytest.mark.timeout(900)``, or ``pytestmark =
pytest.mark.timeout(900)`` for a whole module. ``--timeout`` on the command line is for all tests instead.
"""

import pytest

from tests.pytest_plugins.layer import layer_of

# Seconds for one test with its fixtures. Several times what a layer's slowest takes on an idle machine:
# a time-out means that a test hangs, not that the machine is busy.
TIMEOUTS = {"unit": 60, "integration": 300, "end_to_end": 600}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark each test that declares no time-out with the one of its layer."""
    if config.getoption("timeout") is not None:
        return
    for item in items:
        seconds = TIMEOUTS.get(layer_of(item.nodeid))
        if seconds is not None and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(seconds))
