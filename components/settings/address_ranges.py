"""Reads ranges of addresses."""

import ipaddress
from collections.abc import Sequence

from components.config.reader import ConfigReader


def read_ranges(reader: ConfigReader, key: str) -> Sequence[str]:
    """Read a list of ranges (CIDR); empty if absent."""
    fix = "give a list of ranges, such as 10.0.0.0/8"
    ranges = reader.texts(key, fix)
    if not all("/" in given and _is_network(given) for given in ranges):
        reader.report(key, fix)
    return ranges


def _is_network(given: str) -> bool:
    try:
        ipaddress.ip_network(given, strict=False)
    except ValueError:
        return False
    return True
