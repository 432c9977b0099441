"""Tests that share a fixture are run by one worker, and those that share none by any."""

import re

from sandbox.layout import REPOSITORY
from tests.integration.schedule import INDEPENDENT, scope

FOLDER = "tests/integration"
# A key service or another Vault that every worker may have one of.
NOT_CHANGED_BY_TESTS = {"kms", "seals"}


def test_independent_tests_share_nothing_that_one_of_them_changes() -> None:
    for module in INDEPENDENT:
        text = (REPOSITORY / FOLDER / f"{module}.py").read_text(encoding="utf-8")
        shared = re.findall(r'@pytest\.fixture\(scope="module".*?\)\ndef (\w+)', text)
        assert set(shared) <= NOT_CHANGED_BY_TESTS, module


def test_what_is_handed_out_together() -> None:
    quorum = f"{FOLDER}/test_raft_quorum.py"
    assert scope(f"{quorum}::test_three_healthy_voters") == scope(f"{quorum}::test_token_without_the_right")
    migration = f"{FOLDER}/test_seal_migration.py::test_killed_at_every_step"
    assert scope(f"{migration}[shamir-transit]") != scope(f"{migration}[transit-shamir]")
