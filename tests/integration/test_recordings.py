"""Real servers still show what the recordings have, and the alarms sound on it."""

from collections.abc import Iterator

import pytest

from tests.built_tools import OLDER_VAULT, VAULT, built_tools
from tests.integration.test_alarms import ALARMS, SOUNDING
from tests.recordings.faults import FAULTS, Recorder, prepared
from tests.recordings.playback import Prometheus, phases, scrapes
from tests.recordings.recording import Recording, load

CHEAP = ("healthy", "audit-full")
"""Faults that take seconds; the others differ from these by which server is gone, and for how long."""

GAUGES = ("vault_core_active", "vault_core_unsealed", "vault_autopilot_", "vault_runtime_")


@pytest.fixture(scope="module", params=[OLDER_VAULT, VAULT])
def recorder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorder]:
    """Three voters of a version, which one fault after the other is recorded of."""
    version = str(request.param)
    with prepared(version, tmp_path_factory.mktemp(version)) as servers:
        yield servers


@pytest.mark.parametrize("fault", CHEAP)
def test_fault_is_recorded_as_before(recorder: Recorder, fault: str) -> None:
    recorder.moments.clear()
    FAULTS[fault](recorder)
    fresh = Recording(recorder.version, fault, recorder.moments)
    firing = Prometheus(built_tools().promql).firing(scrapes(fresh), ALARMS)
    begin, end = phases(fresh).get("fault", phases(fresh)["before"])
    assert {one.alarm for one in firing if begin <= one.begin < end} == SOUNDING[fault]
    # Gauges alone: which counters and times there are depends on what a server happened to do.
    gauges = {name for name in load(recorder.version, fault).metrics if name.startswith(GAUGES)}
    assert gauges
    assert gauges - fresh.metrics == set()
