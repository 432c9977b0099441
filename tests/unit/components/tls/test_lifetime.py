"""When a certificate is renewed."""

from datetime import UTC, datetime, timedelta

import pytest

from components.tls.lifetime import is_due

BEGIN = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(("days", "due"), [(0, False), (59, False), (60, True), (200, True), (-1, True)])
def test_two_thirds_of_the_lifetime(days: int, due: bool) -> None:
    """One that isn't valid yet, as a clock was wrong when it was made, is of no use to anybody."""
    end = BEGIN + timedelta(days=90)
    assert is_due(BEGIN.isoformat(), end.isoformat(), BEGIN + timedelta(days=days)) is due
