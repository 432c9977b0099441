"""docs/troubleshooting.md quotes messages that the program has."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.unit.docs.documents import REPOSITORY, code, tables

PAGE = "docs/troubleshooting.md"
ANYTHING = "\0"


def texts() -> Iterator[str]:
    """Yield every text in the program's code, with a mark for what is put into it when it runs."""
    for module in sorted((REPOSITORY / "components").rglob("*.py")):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
            elif isinstance(node, ast.JoinedStr):
                yield "".join(
                    str(part.value) if isinstance(part, ast.Constant) else ANYTHING for part in node.values
                )


TEXTS = frozenset(texts())


def in_code(message: str) -> bool:
    """Whether some text of the program reads like this message, in which `...` is anything."""
    # A value that is put in with quotes around it is `'...'` in a message.
    pattern = ".*".join(map(re.escape, message.replace("'...'", "...").split("...")))
    return any(re.search(pattern, text, re.DOTALL) for text in TEXTS)


@pytest.mark.parametrize("message", [code(message)[0] for message, _, _ in tables(PAGE, "Message")])
def test_a_message_is_one_of_the_program(message: str) -> None:
    assert in_code(message)


def test_a_message_of_nobody_is_found_out() -> None:
    assert not in_code("The kubeconfig ... has rusted")


def test_other_symptoms_are_not_messages_of_the_program() -> None:
    quoted = [text for symptom, _, _ in tables(PAGE, "Symptom") for text in code(symptom) if " " in text]
    assert quoted
    assert [text for text in quoted if in_code(text)] == []
