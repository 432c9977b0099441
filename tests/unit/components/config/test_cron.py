"""Schedules as Kubernetes takes them, and how far apart their times are."""

import pytest

from components.config.cron import longest_gap_minutes

DAY = 1440


@pytest.mark.parametrize(
    ("schedule", "minutes"),
    [
        ("17 * * * *", 60),
        ("*/15 * * * *", 15),
        ("0 */6 * * *", 360),
        ("0 8-18/2 * * *", 14 * 60),
        ("0,30 3 * * *", DAY - 30),
        ("5/20 * * * *", 20),
        ("30 2 * * *", DAY),
        ("30 2 * * 1-5", 3 * DAY),
        ("30 2 * * mon,THU", 4 * DAY),
        ("0 0 1 * *", 31 * DAY),
        ("0 0 31 * *", 61 * DAY),
        # Either counts if both days are given, and both have to fit if one begins with a star.
        ("0 0 1 * 0", 7 * DAY),
        ("0 0 ? * ?", DAY),
        ("0 0 * * 0", 7 * DAY),
        ("0 0 */10 * 0", 7 * DAY),
        ("0 0 29 feb *", (4 * 365 + 1) * DAY),
        ("@hourly", 60),
        ("@midnight", DAY),
        ("@weekly", 7 * DAY),
        ("@yearly", 366 * DAY),
    ],
)
def test_longest_gap(schedule: str, minutes: int) -> None:
    assert longest_gap_minutes(schedule) == minutes


@pytest.mark.parametrize(
    "schedule",
    [
        "",
        "0 0 * *",
        "0 0 * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 7",
        "* * * foo *",
        "a * * * *",
        "5-1 * * * *",
        "*/0 * * * *",
        "*/a * * * *",
        "0 0 30 2 *",
        "@every 1h",
        "TZ=UTC 0 0 * * *",
        "1--2 * * * *",
    ],
)
def test_what_kubernetes_refuses(schedule: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        longest_gap_minutes(schedule)
