"""The benchmark finds the place of its table."""

from tests.benchmarks.__main__ import DOCUMENT
from tests.benchmarks.table import placed
from tests.unit.docs.documents import name, text


def test_the_benchmark_writes_into_the_page() -> None:
    assert name(DOCUMENT) == "docs/performance.md"
    written = placed(text(name(DOCUMENT)), "| a table |")
    assert written is not None
    assert "| a table |" in written
