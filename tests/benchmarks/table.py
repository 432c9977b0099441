"""The comparisons as a table in Markdown, and its place in a document."""

from collections.abc import Sequence

from tests.benchmarks.samples import Comparison, Samples, Unit

BEGIN = "<!-- bench:begin -->"
END = "<!-- bench:end -->"


def render(comparisons: Sequence[Comparison], notes: Sequence[str]) -> str:
    """The table, a row a comparison, and the notes as a list below it."""
    lines = [
        "| | program: median (min-max) | floor: median (min-max) | program / floor | goal | |",
        "|---|---|---|---|---|---|",
        *(_row(comparison) for comparison in comparisons),
        "",
        *(f"- {note}" for note in notes),
    ]
    return "\n".join(lines)


def placed(document: str, table: str) -> str | None:
    """``document`` with ``table`` between the two markers; None where it doesn't have both, in that order."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        return None
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


def _row(comparison: Comparison) -> str:
    factor = "-" if comparison.factor is None else f"{comparison.factor:.2f}x"
    goal = f"{comparison.goal:g}x"
    if comparison.allowance is not None:
        goal += f" + {comparison.allowance.median:.2f} s"
        factor = f"{factor} (less {comparison.allowance.median:.2f} s)"
    cells = [
        comparison.title,
        spread(comparison.program, comparison.unit),
        spread(comparison.floor, comparison.unit),
        factor,
        goal,
        "met" if comparison.met else "missed",
    ]
    return f"| {' | '.join(cells)} |"


def spread(samples: Samples, unit: Unit) -> str:
    """Median, minimum and maximum: seconds to the hundredth, counts as they are."""
    digits = ".2f" if unit == "s" else "g"
    return f"**{samples.median:{digits}} {unit}** ({samples.minimum:{digits}}-{samples.maximum:{digits}})"
