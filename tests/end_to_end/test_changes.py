"""Whatever goes wrong after the init, the keys that are stored in the end unlock the Vault that runs.

The faults of one Vault are tried on it one after another. If one fails, the others of its Vault do, too.
"""

from collections.abc import Iterator

import pytest

from sandbox.lifecycle import Environment
from tests.end_to_end.deployment import Deployment
from tests.end_to_end.faults.change_table import CHANGES
from tests.end_to_end.faults.fault import Change
from tests.end_to_end.faults.results import write_result
from tests.end_to_end.faults.shared_vault import SharedVault

VAULTS = list(dict.fromkeys(change.vault for change in CHANGES))


@pytest.fixture(scope="module")
def bench(
    request: pytest.FixtureRequest, environment: Environment, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SharedVault]:
    """A stack with nothing deployed yet, for all faults of its kind."""
    vault: type[SharedVault] = request.param
    folder = tmp_path_factory.mktemp("changes")
    name = f"vault-changes-{VAULTS.index(vault)}"
    with vault.opened(Deployment(environment), name, folder, vault.pods) as bench:
        yield bench


@pytest.mark.parametrize(
    ("bench", "change"),
    [change.parameter for change in CHANGES],
    indirect=["bench"],
    # Else each test has a bench of its own.
    scope="module",
)
def test_the_stored_keys_are_valid(bench: SharedVault, change: Change) -> None:
    bench.begin(change.name)
    change.run(bench)
    bench.require_told(change.seen)
    keys = bench.prove_keys()
    assert keys is change.keys
    write_result(bench.stack.layout, change, keys)
    bench.tried = ""
