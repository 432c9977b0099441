"""Records every fault from every Vault that is built; names of faults on the command line for these alone."""

import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.built_tools import OLDER_VAULT, VAULT
from tests.recordings.faults import FAULTS, LASTING, record


def main() -> None:
    """Record the lasting faults beside each other, as they mostly wait, and then the others one by one."""
    chosen = sys.argv[1:] or [*FAULTS]
    with ThreadPoolExecutor(2 * len(LASTING)) as pool:
        for version in (OLDER_VAULT, VAULT):
            for fault in (name for name in chosen if name in LASTING):
                pool.submit(_record, version, fault)
        for version in (OLDER_VAULT, VAULT):
            for fault in (name for name in chosen if name not in LASTING):
                _record(version, fault)


def _record(version: str, fault: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            record(version, fault, Path(folder)).save()
        except BaseException as error:
            print(f"{version} {fault}: {error!r}", file=sys.stderr, flush=True)
            raise
    print(f"{version} {fault}: recorded", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
