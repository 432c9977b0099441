"""On Google Cloud, too, the keys are where they belong in the end, and they unlock the Vault that runs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.faults.fault import Fault
from tests.end_to_end.faults.results import write_result
from tests.end_to_end.google.conftest import GoogleDeployment
from tests.end_to_end.google.google_bench import GoogleBench
from tests.end_to_end.google.google_fault_table import GOOGLE_FAULTS


@pytest.fixture
def bench(google: GoogleDeployment, fault: Fault, tmp_path: Path) -> Iterator[GoogleBench]:
    """A stack with nothing deployed, and what is needed to disturb it."""
    name = f"vault-google-fault-{GOOGLE_FAULTS.index(fault)}"
    with GoogleBench.opened(google, name, tmp_path, fault.replicas) as bench:
        yield bench


@pytest.mark.parametrize("fault", [fault.parameter for fault in GOOGLE_FAULTS])
def test_the_keys_are_never_lost(bench: GoogleBench, fault: Fault) -> None:
    fault.run(bench)
    bench.require_told(fault.seen)
    keys = bench.prove_keys()
    assert keys is fault.keys, f"volumes after each run: {bench.volumes}"
    write_result(bench.stack.layout, fault, keys)
