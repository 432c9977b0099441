"""Whatever goes wrong, the keys are where they belong in the end, and they unlock the Vault that runs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.lifecycle import Environment
from tests.end_to_end.deployment import Deployment
from tests.end_to_end.faults.bench import Bench
from tests.end_to_end.faults.fault import Fault
from tests.end_to_end.faults.fault_table import FAULTS
from tests.end_to_end.faults.results import write_result


@pytest.fixture
def bench(environment: Environment, fault: Fault, tmp_path: Path) -> Iterator[Bench]:
    """A stack with nothing deployed, and what is needed to disturb it."""
    name = f"vault-fault-{FAULTS.index(fault)}"
    with Bench.opened(Deployment(environment), name, tmp_path, fault.replicas) as bench:
        yield bench


@pytest.mark.parametrize("fault", [fault.parameter for fault in FAULTS])
def test_the_keys_are_never_lost(bench: Bench, fault: Fault) -> None:
    fault.run(bench)
    bench.require_told(fault.seen)
    keys = bench.prove_keys()
    assert keys is fault.keys, f"volumes after each run: {bench.volumes}"
    write_result(bench.stack.layout, fault, keys)
