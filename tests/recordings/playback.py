"""Plays a recording to Prometheus' own engine, and says which alarms sound.

Each phase is longer than it was recorded: Prometheus sees its last moment again and again, as long as the
alarms need that look at minutes. What the texts say stays what the servers said.
"""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from components.vault.alarms import Alarm
from tests.recordings.recording import Recording

NAMESPACE = "vault"
STEP = 15
"""Seconds between two scrapes, and between two evaluations."""
COURSE_STEP = 60
"""The same if a recording is played moment by moment."""
PHASE = 20 * 60
"""Seconds of each phase, longer than any range, `for` or retention of the alarms on Vault's own metrics."""
START = 1_700_000_000
"""Seconds since 1970 at which playing begins."""

Line = Mapping[str, Any]
"""A series that a query returned: `labels`, and `points`, each seconds and value."""


@dataclass(frozen=True)
class Scrape:
    """What one target answered."""

    seconds: float
    labels: Mapping[str, str]
    text: str | None


def scrapes(recording: Recording) -> Sequence[Scrape]:
    """Return a recording as Prometheus would have scraped it, over :data:`PHASE` for each of its phases."""
    found: list[Scrape] = []
    seconds = START
    for phase in dict.fromkeys(moment.phase for moment in recording.moments):
        moments = [moment for moment in recording.moments if moment.phase == phase]
        for number in range(PHASE // STEP):
            moment = moments[min(number, len(moments) - 1)]
            found += [
                Scrape(seconds, {"namespace": NAMESPACE, "pod": pod, "job": "vault/vault-server"}, text)
                for pod, text in moment.texts.items()
            ]
            seconds += STEP
    return found


def course(recording: Recording) -> Sequence[Scrape]:
    """Return a recording as Prometheus would have scraped it with one moment at each :data:`COURSE_STEP`."""
    return [
        Scrape(
            START + number * COURSE_STEP,
            {"namespace": NAMESPACE, "pod": pod, "job": "vault/vault-server"},
            text,
        )
        for number, moment in enumerate(recording.moments)
        for pod, text in moment.texts.items()
    ]


def phases(recording: Recording) -> Mapping[str, tuple[int, int]]:
    """Return when each phase begins and ends."""
    names = dict.fromkeys(moment.phase for moment in recording.moments)
    return {name: (START + index * PHASE, START + (index + 1) * PHASE) for index, name in enumerate(names)}


@dataclass(frozen=True)
class Prometheus:
    """The program of `sandbox/build/go_modules/promql`."""

    program: Path

    def evaluate(
        self,
        scraped: Sequence[Scrape],
        queries: Sequence[str],
        *,
        rules: Mapping[str, Any] | None = None,
        seconds: float | None = None,
        step: int = STEP,
        start: float = START,
    ) -> Sequence[Sequence[Line]]:
        """Return what each query returns from ``start`` on, until the last scrape or for ``seconds``."""
        end = start + seconds if seconds is not None else scraped[-1].seconds
        asked = {
            "rules": yaml.safe_dump(rules or {"groups": []}),
            "scrapes": [vars(scrape) for scrape in scraped],
            "queries": list(queries),
            "start": start,
            "end": end,
            "step": step,
        }
        result = subprocess.run([self.program], input=json.dumps(asked), capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
        answered: Sequence[Sequence[Line]] = json.loads(result.stdout)["results"]
        return answered

    def firing(
        self,
        scraped: Sequence[Scrape],
        alarms: Sequence[Alarm],
        *,
        seconds: float | None = None,
        start: float = START,
    ) -> "Sequence[Firing]":
        """Return when each alarm sounds: once its expression has returned a series for as long as it says."""
        expressions = [alarm.expression for alarm in alarms]
        results = self.evaluate(scraped, expressions, seconds=seconds, start=start)
        return [
            Firing(alarm.name, line["labels"], begin, end)
            for alarm, lines in zip(alarms, results, strict=True)
            for line in lines
            for begin, end in _lasting([time for time, _ in line["points"]], _seconds(alarm.lasting))
        ]


@dataclass(frozen=True)
class Firing:
    """An alarm that sounds, for one series."""

    alarm: str
    labels: Mapping[str, str]
    begin: float
    """Seconds since 1970."""
    end: float


def _lasting(times: Sequence[float], seconds: int) -> Iterator[tuple[float, float]]:
    """Return from when on, and until when, a series was there at each evaluation for that long."""
    begin = 0
    for index in range(len(times)):
        last = index + 1 == len(times) or times[index + 1] - times[index] > STEP
        if last:
            if times[index] - times[begin] >= seconds:
                yield times[begin] + seconds, times[index]
            begin = index + 1


def _seconds(duration: str) -> int:
    return int(duration[:-1]) * {"m": 60, "h": 3600}[duration[-1]]
