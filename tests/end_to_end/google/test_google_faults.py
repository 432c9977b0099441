"""On Google Cloud, too, the keys are where they belong in the end, and they unlock the Vault that runs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.faults.fault import Fault
from tests.end_to_end.google.conftest import GoogleDeployment
from tests.end_to_end.google.google_bench import GoogleBench
from tests.end_to_end.google.google_fault_table import GOOGLE_FAULTS


@pytest.fixture
def bench(google: GoogleDeployment, fault: Fault, tmp_path: Path) -> Iterator[GoogleBench]:
    """A stack with nothing deployed, and what is needed to disturb it."""
    with GoogleBench.opened(google, f"vault-google-{GOOGLE_FAULTS.index(fault)}", tmp_path) as bench:
        yield bench


@pytest.mark.parametrize("fault", GOOGLE_FAULTS, ids=lambda fault: fault.name)
def test_the_keys_are_never_lost(bench: GoogleBench, fault: Fault) -> None:
    fault.run(bench)
    bench.require_told(fault.words, fault.keys)
