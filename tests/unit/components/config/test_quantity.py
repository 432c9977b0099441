"""Quantities of Kubernetes in bytes."""

import pytest

from components.config.quantity import quantity_bytes


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [("1024", 1024), ("10Gi", 10 * 1024**3), ("1.5M", 1_500_000), ("2k", 2000), ("1Xi", None), ("Gi", None)],
)
def test_bytes(quantity: str, expected: int | None) -> None:
    assert quantity_bytes(quantity) == expected
