"""Reads quantities of Kubernetes, such as the size of a volume."""

import re
from decimal import Decimal

_UNITS = {
    unit: Decimal(base) ** power
    for base, units in ((1000, ("", "k", "M", "G", "T", "P")), (1024, ("", "Ki", "Mi", "Gi", "Ti", "Pi")))
    for power, unit in enumerate(units)
}


def quantity_bytes(quantity: str) -> Decimal | None:
    """Return a quantity of Kubernetes in bytes; None if it is written as no setting may be."""
    found = re.fullmatch(r"([0-9.]+)([A-Za-z]*)", quantity)
    return Decimal(found[1]) * _UNITS[found[2]] if found is not None and found[2] in _UNITS else None
