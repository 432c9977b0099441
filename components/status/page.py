"""Lays out what is said of a Vault: for a terminal, for another program, and as an exit code."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

WIDTH = 96
"""Longest line in characters; a command to copy is never broken."""
_MARK, _TITLE = 4, 14
_INDENTATION = _MARK + _TITLE


class State(Enum):
    """How something is; of several states the one that is declared last counts."""

    FINE = "fine"
    NOTE = "note"
    """Worth knowing, and nothing to do about."""
    UNKNOWN = "unknown"
    """It should be known, and whoever was asked didn't tell."""
    ATTENTION = "attention"
    """Somebody has to do something."""


_ORDER = tuple(State)
_MARKS = {State.FINE: "ok", State.NOTE: "--", State.UNKNOWN: "??", State.ATTENTION: "!!"}
_EXIT_CODES = {State.FINE: 0, State.NOTE: 0, State.ATTENTION: 1, State.UNKNOWN: 2}
EXIT_CODE_UNKNOWN = _EXIT_CODES[State.UNKNOWN]


@dataclass(frozen=True)
class Line:
    """One finding."""

    says: str
    state: State = State.FINE
    about: str = ""
    """The pods that it is about; empty if it is about Vault as a whole."""
    fix: str = ""
    """What to do about it; empty if nothing has to be done."""
    command: str = ""
    """A command that belongs to the fix, to be copied; empty if there is none."""

    def to_properties(self) -> dict[str, str]:
        """Return the line as another program reads it; every field is there."""
        return {
            "state": self.state.value,
            "about": self.about,
            "says": self.says,
            "fix": self.fix,
            "command": self.command,
        }


@dataclass(frozen=True)
class Section:
    """Findings about one thing."""

    title: str
    lines: Sequence[Line]

    @property
    def state(self) -> State:
        """The state that counts, of all lines."""
        return _worst([line.state for line in self.lines])


@dataclass(frozen=True)
class Page:
    """All that is said of one Vault."""

    vault: str
    """Its namespace and StatefulSet."""
    now: datetime
    sections: Sequence[Section]

    @property
    def state(self) -> State:
        """The state that counts, of all sections."""
        return _worst([section.state for section in self.sections])

    @property
    def exit_code(self) -> int:
        """0 if nothing has to be done, 1 if something has, 2 if that can't be told."""
        return _EXIT_CODES[self.state]

    def to_properties(self) -> Mapping[str, Any]:
        """Return the page as another program reads it."""
        return {
            "vault": self.vault,
            "time": self.now.isoformat(timespec="seconds"),
            "state": self.state.value,
            "sections": [
                {
                    "title": section.title,
                    "state": section.state.value,
                    "lines": [line.to_properties() for line in section.lines],
                }
                for section in self.sections
            ],
        }

    def to_text(self) -> str:
        """Return the page for a terminal, without a final line end."""
        lines = [f"Vault {self.vault} at {self.now.strftime('%Y-%m-%d %H:%M UTC')}: {self._summary()}", ""]
        for section in self.sections:
            for number, line in enumerate(section.lines):
                lines.extend(_laid_out(line, section.title if number == 0 else ""))
        return "\n".join(lines)

    def _summary(self) -> str:
        states = [line.state for section in self.sections for line in section.lines]
        attention, unknown = states.count(State.ATTENTION), states.count(State.UNKNOWN)
        parts = []
        if attention:
            parts.append(f"{attention} {'thing needs' if attention == 1 else 'things need'} attention")
        if unknown:
            parts.append(f"{unknown} {'thing' if unknown == 1 else 'things'} can't be told")
        return ", ".join(parts) or "fine"


def _worst(states: Sequence[State]) -> State:
    return max(states, key=_ORDER.index, default=State.FINE)


def _laid_out(line: Line, title: str) -> Sequence[str]:
    head = f"{_MARKS[line.state]:{_MARK}}{title:{_TITLE}}"
    about = f"{line.about}  " if line.about else ""
    says = f"{about}{_in_one_line(line.says)}"
    found = _wrapped(says, head, _INDENTATION + len(about))
    if line.fix:
        found.extend(_wrapped(f"-> {_in_one_line(line.fix)}", " " * _INDENTATION, _INDENTATION + 3))
    if line.command:
        found.append(f"{' ' * (_INDENTATION + 3)}{line.command}")
    return found


def _in_one_line(text: str) -> str:
    """Return a text without line ends, and without what a terminal would take for a command."""
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())


def _wrapped(text: str, head: str, indentation: int) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=head,
        subsequent_indent=" " * indentation,
        break_long_words=False,
        break_on_hyphens=False,
    )
