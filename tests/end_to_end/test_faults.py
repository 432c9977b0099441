"""Whatever goes wrong, the keys are where they belong in the end, and they unlock the Vault that runs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.conftest import Deployment
from tests.end_to_end.faults.bench import Bench
from tests.end_to_end.faults.fault import Fault
from tests.end_to_end.faults.fault_table import FAULTS


@pytest.fixture
def bench(deployment: Deployment, fault: Fault, tmp_path: Path) -> Iterator[Bench]:
    """A stack with nothing deployed, and what is needed to disturb it."""
    with Bench.opened(deployment, f"vault-{FAULTS.index(fault)}", tmp_path) as bench:
        yield bench


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_the_keys_are_never_lost(bench: Bench, fault: Fault) -> None:
    fault.run(bench)
    bench.require_told(fault.words, fault.keys)
