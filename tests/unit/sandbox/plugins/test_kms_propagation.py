"""How long the stand-in of the AWS plugin takes to create a key: no time, unless it is asked for some."""

from collections.abc import Iterator

import pytest
from moto import mock_aws

from sandbox.plugins.aws.api import Aws
from sandbox.plugins.aws.configuration import Configuration
from sandbox.plugins.aws.kms import PROPAGATION_SECONDS, Key


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The pauses of a key's creation, none of which is made, in seconds."""
    found: list[float] = []
    monkeypatch.setattr("sandbox.plugins.aws.kms.time.sleep", found.append)
    monkeypatch.delenv(PROPAGATION_SECONDS, raising=False)
    with mock_aws():
        yield found


def test_new_key_is_there_at_once(pauses: list[float]) -> None:
    assert Key(Aws(Configuration("eu-west-1"))).make({}).identifier
    assert sum(pauses) == 0


def test_new_key_takes_the_seconds_that_are_asked_for(
    pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PROPAGATION_SECONDS, "10.0")
    assert Key(Aws(Configuration("eu-west-1"))).make({}).identifier
    assert sum(pauses) == 10
