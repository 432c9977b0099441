import pytest

from tests.unit.sandbox.google.google_clock import Parts


@pytest.fixture
def parts() -> Parts:
    return Parts()
