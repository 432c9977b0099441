"""The page for people and for programs, and the exit code for monitoring."""

import json
from datetime import UTC, datetime

import pytest

from components.status.page import WIDTH, Line, Page, Section, State

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)


def page(*lines: Line) -> Page:
    return Page("secrets/vault", NOW, [Section("Pods", lines)])


@pytest.mark.parametrize(
    ("states", "code"),
    [
        ([State.FINE, State.NOTE], 0),
        ([State.FINE, State.UNKNOWN], 2),
        ([State.UNKNOWN, State.ATTENTION, State.FINE], 1),
        ([], 0),
    ],
)
def test_exit_code_is_that_of_the_worst_line(states: list[State], code: int) -> None:
    assert page(*(Line("it", state) for state in states)).exit_code == code


def test_text_marks_each_line_and_indents_what_belongs_to_it() -> None:
    text = page(
        Line("leads", about="vault-0"),
        Line("it is sealed", State.ATTENTION, "vault-1", "unseal it", "python -m components unseal"),
        Line("who votes isn't known", State.NOTE),
        Line("whether it is there can't be told", State.UNKNOWN),
    ).to_text()
    assert text.splitlines() == [
        "Vault secrets/vault at 2027-03-01 12:00 UTC: 1 thing needs attention, 1 thing can't be told",
        "",
        "ok  Pods          vault-0  leads",
        "!!                vault-1  it is sealed",
        "                  -> unseal it",
        "                     python -m components unseal",
        "--                who votes isn't known",
        "??                whether it is there can't be told",
    ]


def test_summary_counts() -> None:
    assert page(Line("it")).to_text().splitlines()[0].endswith(": fine")
    two = page(Line("a", State.ATTENTION), Line("b", State.ATTENTION)).to_text()
    assert "2 things need attention" in two.splitlines()[0]


def test_no_line_is_wider_than_a_terminal_but_a_command_is_whole() -> None:
    command = "kubectl --namespace=secrets " + "--some=option " * 20
    lines = page(Line("word " * 60, State.ATTENTION, "vault-0", "fix " * 60, command)).to_text().splitlines()
    assert [line for line in lines if len(line) > WIDTH] == [" " * 21 + command]


def test_what_others_say_is_text_and_no_command_of_the_terminal() -> None:
    text = page(Line("red \x1b[31m\x07 and\nmore")).to_text()
    assert not any(ord(one) < 32 and one != "\n" for one in text)
    assert "red [31m and more" in text


def test_json_has_every_field_of_every_line() -> None:
    read = json.loads(json.dumps(page(Line("it is sealed", State.ATTENTION, "vault-1")).to_properties()))
    assert read == {
        "vault": "secrets/vault",
        "time": "2027-03-01T12:00:00+00:00",
        "state": "attention",
        "sections": [
            {
                "title": "Pods",
                "state": "attention",
                "lines": [
                    {
                        "state": "attention",
                        "about": "vault-1",
                        "says": "it is sealed",
                        "fix": "",
                        "command": "",
                    }
                ],
            }
        ],
    }
