"""Reads the schedules of Kubernetes' CronJobs, and tells how far apart their times are.

Source: `ParseStandard` in github.com/robfig/cron/v3, parser.go and spec.go, which Kubernetes uses. Sunday is
0 alone there, and `@every` is left out here, as its times depend on when the controller has started.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

_MACROS: Mapping[str, str] = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_PART = re.compile(r"(?P<all>[*?])|(?P<first>\w+)(-(?P<last>\w+))?")
_DAYS = [date(2023, 1, 1) + timedelta(days=number) for number in range(8 * 366)]
"""Days with every weekday on every date, and two leap years."""


@dataclass(frozen=True)
class _Field:
    first: int
    last: int
    names: Sequence[str] = ()

    def number(self, text: str) -> int:
        """Return the number that a name or digits stand for; raise :class:`ValueError`."""
        if text.lower() in self.names:
            return self.first + self.names.index(text.lower())
        number = int(text)
        if not self.first <= number <= self.last:
            raise ValueError(f"{text} is out of range")
        return number


_FIELDS = (_Field(0, 59), _Field(0, 23), _Field(1, 31), _Field(1, 12, _MONTHS), _Field(0, 6, _WEEKDAYS))


def longest_gap_minutes(schedule: str) -> int:
    """Return the longest time between two runs of a schedule, in minutes.

    Raises :class:`ValueError` if it isn't one that Kubernetes takes, or has no two times.
    """
    texts = _MACROS.get(schedule, schedule).split()
    if len(texts) != len(_FIELDS):
        raise ValueError("it has five fields: minute, hour, day of the month, month, day of the week")
    minutes, hours, days, months, weekdays = (
        _numbers(text, field) for text, field in zip(texts, _FIELDS, strict=True)
    )
    either = not (_is_star(texts[2]) or _is_star(texts[4]))
    on = [
        number
        for number, day in enumerate(_DAYS)
        if day.month in months
        and (any if either else all)((day.day in days, day.isoweekday() % 7 in weekdays))
    ]
    times = sorted(hour * 60 + minute for hour in hours for minute in minutes)
    within = max((after - before for before, after in pairwise(times)), default=0)
    between = [(after - before) * 1440 + times[0] - times[-1] for before, after in pairwise(on)]
    if not between:
        raise ValueError("it never comes twice")
    return max(within, *between)


def _is_star(text: str) -> bool:
    """Return whether a field of days says nothing, so that the other one alone counts."""
    return any(part in ("*", "?", "*/1", "?/1") for part in text.split(","))


def _numbers(text: str, field: _Field) -> Collection[int]:
    found: set[int] = set()
    for part in text.split(","):
        bounds, slash, step_text = part.partition("/")
        match = _PART.fullmatch(bounds)
        if match is None or (slash and not step_text.isdecimal()):
            raise ValueError(f"{part!r} can't be read")
        step = int(step_text) if slash else 1
        if match["all"]:
            first, last = field.first, field.last
        else:
            first = field.number(match["first"])
            # A single number with a step goes on to the end.
            last = field.number(match["last"]) if match["last"] else (field.last if slash else first)
        if step < 1 or last < first:
            raise ValueError(f"{part!r} has no times")
        found.update(range(first, last + 1, step))
    return found
