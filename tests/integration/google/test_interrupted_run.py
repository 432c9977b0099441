"""Runs that are killed when Google Cloud has created something: once for each kind of resource."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.google.google_stack import google_stack
from tests.integration.google.running_google import run_google
from tests.integration.interruptions import interruption_table as table
from tests.integration.interruptions.google_target import Google
from tests.integration.interruptions.interrupted_stack import InterruptedStack
from tests.integration.interruptions.interrupting_proxy import interrupting_proxy

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def interrupted(tmp_path: Path) -> Iterator[InterruptedStack]:
    """With a key, a role and an account for its pods, a rule and a secret."""
    (tmp_path / "google").mkdir()
    (tmp_path / "stack").mkdir()
    with run_google(tmp_path / "google") as running, interrupting_proxy(Google(running)) as proxy:
        running.create_cluster("10.244.0.1:6443", b"certificate")
        running.enable_apis()
        stack = google_stack(tmp_path / "stack", running, {"HTTPS_PROXY": proxy.url})
        yield InterruptedStack(stack, proxy)


def test_each_interrupted_creation_is_repeated_imported_or_taken_over(interrupted: InterruptedStack) -> None:
    interrupted.kill(
        *(table.GOOGLE_RING, table.GOOGLE_READER_ROLE, table.GOOGLE_ACCOUNT_ROW),
        *(table.GOOGLE_RULE, table.GOOGLE_SECRET_ROW),
    )
    # The next run imports ring and role and is killed, too; the one after it settles all.
    interrupted.kill(table.GOOGLE_KEY)
    interrupted.settle()
    interrupted.kill(table.GOOGLE_IDENTITY, table.GOOGLE_KEY_GRANT, table.GOOGLE_SECRET_GRANT)
    interrupted.settle()
    assert interrupted.stack.foretold() == {}
