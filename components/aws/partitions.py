"""Tells the partitions of AWS apart, by the data that come with botocore."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from components.errors import DeploymentError

COMMERCIAL_SUFFIX = "amazonaws.com"


def partition_of(region: str) -> str:
    """Return the partition of a region as ARNs name it; raise :class:`DeploymentError` if none has it."""
    for partition in _partitions():
        if region in partition["regions"] or re.match(partition["regionRegex"], region):
            return str(partition["id"])
    known = ", ".join(str(partition["id"]) for partition in _partitions())
    raise DeploymentError(
        f"No partition of AWS that botocore knows ({known}) has a region {region!r}. Check region; if AWS "
        "has opened it since, install a newer botocore."
    )


def service_names(service: str, *, region: str, partition: str) -> Sequence[str]:
    """Return the names that a regional service may have in conditions such as `kms:ViaService`.

    Outside of the commercial partition it is documented neither that they end with `amazonaws.com` nor that
    they end as the service's address does. Both names are AWS's.
    """
    suffixes = [COMMERCIAL_SUFFIX]
    suffixes += [each["outputs"]["dnsSuffix"] for each in _partitions() if each["id"] == partition]
    return [f"{service}.{region}.{suffix}" for suffix in dict.fromkeys(suffixes)]


def _partitions() -> Sequence[Mapping[str, Any]]:
    # Imported here, as every command reads the settings, and most need no partition.
    from botocore.loaders import create_loader

    found: Mapping[str, Any] = create_loader().load_data("partitions")
    partitions: Sequence[Mapping[str, Any]] = found["partitions"]
    return partitions
