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
    pattern = ".*".join(map(re.escape, filter(None, message.replace("'...'", "...").split("..."))))
    return any(re.search(pattern, text, re.DOTALL) for text in TEXTS)


# What a row quotes of a log or of Kubernetes beside the message.
OF_OTHERS = re.compile(r"(?:the log|Kubernetes) says (`[^`]+`(?: or `[^`]+`)*)")
ROWS = tables(PAGE, "Message")


def own_quotes(message: str, cause: str) -> Iterator[str]:
    """Yield what a row quotes of the program: parts of its message, and sentences of its cause."""
    yield from code(OF_OTHERS.sub("", message))
    yield from (text for text in code(cause) if " " in text)


@pytest.mark.parametrize("quote", sorted({quote for row in ROWS for quote in own_quotes(*row[:2])}))
def test_a_message_is_one_of_the_program(quote: str) -> None:
    assert in_code(quote)


def test_every_row_has_a_message_of_the_program() -> None:
    assert [message for message, _, _ in ROWS if not list(own_quotes(message, cause=""))] == []


def test_a_message_of_nobody_is_found_out() -> None:
    assert not in_code("The kubeconfig ... has rusted")


def test_other_symptoms_are_not_messages_of_the_program() -> None:
    quoted = [text for symptom, _, _ in tables(PAGE, "Symptom") for text in code(symptom) if " " in text]
    quoted += [text for message, _, _ in ROWS for said in OF_OTHERS.findall(message) for text in code(said)]
    assert {"not authorized to perform", "ImagePullBackOff"} <= set(quoted)
    assert [text for text in quoted if in_code(text)] == []
