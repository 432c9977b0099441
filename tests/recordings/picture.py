"""Draws the dashboard from a recording, for docs/metrics.md: `python -m tests.recordings.picture`."""

import html
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from components.settings import Settings
from components.vault.dashboard import Panel, dashboard, panels
from tests.built_tools import VAULT, built_tools
from tests.recordings.playback import COURSE_STEP, START, Line, Prometheus, course
from tests.recordings.recording import Recording, load
from tests.unit.fakes.stack_settings import EKS, parse

PICTURE = Path(__file__).resolve().parents[2] / "docs" / "dashboard.svg"
RECORDED = "course"

_COLUMN, _ROW, _GAP = 46, 26, 8
_HEAD, _FOOT = 34, 22
_COLOURS = ("#1f78b4", "#e66101", "#33a02c", "#6a3d9a", "#b15928", "#666666")
_STYLE = (
    "text{font-family:sans-serif;font-size:11px;fill:#333}"
    ".panel{fill:#fff;stroke:#ddd}.title{font-weight:bold}.number{font-size:26px}.axis{fill:#888;font-size:9px}"
    ".line{fill:none;stroke-width:1.5}.grid{stroke:#eee}"
)


def settings() -> Settings:
    """The stack that the recorded servers stand for."""
    return parse({**EKS, "metrics": {"enabled": True}})


def draw(recording: Recording, prometheus: Prometheus) -> str:
    """Return the dashboard as SVG, with what Prometheus answers to its queries on a recording."""
    stack = settings()
    shown = panels(stack, "vault")
    places = dashboard(stack, "vault")["panels"]
    queries = [query.expression for panel in shown for query in panel.queries]
    results = iter(prometheus.evaluate(course(recording), queries, step=COURSE_STEP))
    width = 24 * _COLUMN + _GAP
    height = _HEAD + max(place["gridPos"]["y"] + place["gridPos"]["h"] for place in places) * _ROW + _FOOT
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">',
        f"<style>{_STYLE}</style>",
        f'<rect width="{width}" height="{height}" fill="#f4f5f5"/>',
        f'<text x="{_GAP}" y="21" class="title">{html.escape(dashboard(stack, "vault")["title"])}</text>',
    ]
    for panel, place in zip(shown, places, strict=True):
        found = [(query.legend, line) for query in panel.queries for line in next(results)]
        at = place["gridPos"]
        box = (
            _GAP + at["x"] * _COLUMN,
            _HEAD + at["y"] * _ROW,
            at["w"] * _COLUMN - _GAP,
            at["h"] * _ROW - _GAP,
        )
        lines += _panel(panel, found, box)
    last = recording.moments[-1].seconds
    lines += [
        f'<text x="{_GAP}" y="{height - 8}" class="axis">Recorded in {last} s from three servers of Vault '
        f"{recording.version}, whose leader is killed and comes back; shown as one moment a minute. "
        "No kubelet was there.</text>",
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


Box = tuple[int, int, int, int]


def _panel(panel: Panel, found: Sequence[tuple[str, Line]], box: Box) -> Iterator[str]:
    x, y, width, height = box
    yield f'<rect class="panel" x="{x}" y="{y}" width="{width}" height="{height}" rx="2"/>'
    yield f'<text class="title" x="{x + 8}" y="{y + 17}">{html.escape(panel.title)}</text>'
    if not found:
        yield f'<text class="axis" x="{x + 8}" y="{y + height / 2}">No data</text>'
    elif panel.kind == "stat":
        legend, line = max(found, key=lambda one: one[1]["points"][-1][0])
        text = _named(legend, line) if legend else _number(line["points"][-1][1], panel.unit)
        yield f'<text class="number" x="{x + 8}" y="{y + 60}">{html.escape(text)}</text>'
    else:
        yield from _course(panel, found, (x + 52, y + 28, width - 64, height - 62))


def _course(panel: Panel, found: Sequence[tuple[str, Line]], box: Box) -> Iterator[str]:
    x, y, width, height = box
    numbers = [value for _, line in found for _, value in line["points"] if math.isfinite(value)]
    # A line below all of zero, and a scale that a constant has, too.
    low, high = min(0.0, *numbers), max([*numbers, 1e-9])
    end = max(time for _, line in found for time, _ in line["points"])
    for part in (0, 0.5, 1):
        level = y + height * (1 - part)
        yield f'<line class="grid" x1="{x}" x2="{x + width}" y1="{level:.1f}" y2="{level:.1f}"/>'
        text = _number(low + (high - low) * part, panel.unit)
        yield f'<text class="axis" text-anchor="end" x="{x - 4}" y="{level + 3:.1f}">{text}</text>'
    for index, (legend, line) in enumerate(found):
        colour = _COLOURS[index % len(_COLOURS)]
        for points in _unbroken(line["points"]):
            path = " ".join(
                f"{x + width * (time - START) / (end - START):.1f},"
                f"{y + height * (1 - (value - low) / (high - low)):.1f}"
                for time, value in points
            )
            yield f'<polyline class="line" stroke="{colour}" points="{path}"/>'
        name = html.escape(_named(legend, line))
        yield f'<text x="{x + index * 90}" y="{y + height + 20}" style="fill:{colour}">{name}</text>'


def _unbroken(points: Sequence[tuple[float, float]]) -> Iterator[Sequence[tuple[float, float]]]:
    """Return a line in parts, as it isn't drawn where there was nothing."""
    part: list[tuple[float, float]] = []
    for time, value in points:
        if part and (time - part[-1][0] > COURSE_STEP or not math.isfinite(value)):
            yield part
            part = []
        if math.isfinite(value):
            part.append((time, value))
    if part:
        yield part


def _named(legend: str, line: Line) -> str:
    for label, value in line["labels"].items():
        legend = legend.replace(f"{{{{{label}}}}}", value)
    return legend


def _number(value: float, unit: str) -> str:
    if unit == "bytes":
        return f"{value / 2**20:.0f} MiB"
    text = f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    return f"{text} {unit}" if unit == "ms" else text


if __name__ == "__main__":
    PICTURE.write_text(draw(load(VAULT, RECORDED), Prometheus(built_tools().promql)), encoding="utf-8")
