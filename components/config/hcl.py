"""Finds the top-level names in HCL 1 text, the language of Vault's configuration, and errors of its syntax.

Source: scanner and parser of github.com/hashicorp/hcl, version 1, which Vault reads its configuration with.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# Names of Vault's parameters have no other letters; HCL would take those of every language.
_TOKEN = re.compile(
    r"""
    (?P<blank> [ \t\n]+ | \#[^\n]* | //[^\n]* | /\*.*?\*/ )
  | (?P<name> [A-Za-z_][A-Za-z0-9_.-]* )
  | (?P<number> -? (?: 0[xX][0-9a-fA-F]+ | \d+ (?:\.\d*)? (?:[eE][+-]?\d+)? ) | \.\d+ )
  | (?P<sign> [][{}=,] )
  | (?P<quote> " )
  | (?P<heredoc> << (?P<anchor> -?[A-Za-z0-9_]+ ) \n )
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_ESCAPE = re.compile(
    r"\\(?:(?P<letter>[abfnrtv\\\"])|(?P<octal>[0-7]{3})"
    r"|x(?P<x>[0-9a-fA-F]{2})|u(?P<u>[0-9a-fA-F]{4})|U(?P<U>[0-9a-fA-F]{8}))"
)
_BOOLEANS = ("true", "false")
_LETTERS = dict(zip('abfnrtv\\"', '\a\b\f\n\r\t\v\\"', strict=True))
_UNPRINTABLE = re.compile(r"[^\t\n -~\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What a YAML document, such as a ConfigMap's, can't have in plain text."""


class HclError(Exception):
    """The text is no HCL; the message says what is wrong, without quoting the text."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")


@dataclass(frozen=True)
class TopLevelName:
    """A parameter or a stanza on the top level."""

    name: str
    """Without quotes and escapes. Vault doesn't tell capital letters from small ones."""
    line: int
    """Counted from 1."""


@dataclass(frozen=True)
class _Token:
    kind: str
    """A sign itself, or `name`, `number`, `string`, `heredoc`, `end`."""
    text: str
    line: int


def top_level_names(text: str) -> Sequence[TopLevelName]:
    """Return the names on the top level in their order.

    Raises :class:`HclError` if Vault couldn't read the text.
    """
    try:
        return _Parser(text).items("end", 1)
    except RecursionError as error:
        raise HclError(1, "braces or brackets are nested too deeply") from error


class _Parser:
    """Reads items: names, then a value behind an equals sign or a stanza in braces."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._token = next(self._tokens)

    def _take(self) -> _Token:
        taken = self._token
        self._token = next(self._tokens, taken)
        return taken

    def items(self, end: str, opened: int) -> Sequence[TopLevelName]:
        found: list[TopLevelName] = []
        while self._token.kind != end:
            if self._token.kind == "end":
                raise HclError(opened, "the brace that is opened here isn't closed")
            found.append(self._item())
            if self._token.kind == ",":
                self._take()
        self._take()
        return found

    def _item(self) -> TopLevelName:
        first = self._token
        names = 0
        while self._token.kind == "string" or (
            self._token.kind == "name" and self._token.text not in _BOOLEANS
        ):
            self._take()
            names += 1
        if not names:
            raise HclError(first.line, "there has to be a parameter or a stanza")
        if self._token.kind == "=" and names == 1:
            self._take()
            self._value()
        elif self._token.kind == "{":
            self.items("}", self._take().line)
        else:
            raise HclError(first.line, "a name is followed by = and a value, or by a stanza in braces")
        return TopLevelName(first.text, first.line)

    def _value(self) -> None:
        token = self._take()
        if token.kind == "{":
            self.items("}", token.line)
        elif token.kind == "[":
            self._list(token.line)
        elif not (
            token.kind in ("number", "string", "heredoc")
            or (token.kind == "name" and token.text in _BOOLEANS)
        ):
            raise HclError(
                token.line, "a value is a text in quotes, a number, true, false, a list or an object"
            )

    def _list(self, opened: int) -> None:
        while self._token.kind != "]":
            if self._token.kind == "end":
                raise HclError(opened, "the bracket that is opened here isn't closed")
            self._value()
            if self._token.kind == ",":
                self._take()
            elif self._token.kind not in ("]", "end"):
                raise HclError(self._token.line, "the entries of a list have commas between them")
        self._take()


def _tokens(text: str) -> Iterator[_Token]:
    """Yield the tokens, and at last one of the kind `end`."""
    text = text.replace("\r\n", "\n")
    if not text.endswith("\n"):
        text += "\n"
    if found := _UNPRINTABLE.search(text):
        raise HclError(text.count("\n", 0, found.start()) + 1, "there is a control character")
    position, line = 0, 1
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise HclError(line, _unreadable(text[position : position + 2]))
        kind, token, end = str(match.lastgroup), match[0], match.end()
        if match["heredoc"] is not None:
            kind, end = "heredoc", _end_of_heredoc(text, end, match["anchor"], line)
        elif kind == "quote":
            kind, (token, end) = "string", _string(text, end, line)
        elif kind == "sign":
            kind = token
        if kind != "blank":
            yield _Token(kind, token, line)
        line += text.count("\n", position, end)
        position = end
    yield _Token("end", "", line)


def _unreadable(beginning: str) -> str:
    if beginning == "/*":
        return "the comment that begins here isn't closed"
    if beginning == "<<":
        return "a heredoc begins with << and a word, and nothing behind it in the line"
    return "there is a character that HCL doesn't have outside of texts in quotes"


def _end_of_heredoc(text: str, start: int, anchor: str, line: int) -> int:
    """Return where the heredoc ends whose lines begin at ``start``."""
    position = start
    while (newline := text.find("\n", position)) >= 0:
        content = text[position:newline]
        # HCL counts the dash of <<-EOF, too, so that a line of only EOF doesn't end that one.
        if content.strip() == anchor.removeprefix("-") and len(content) >= len(anchor):
            return newline + 1
        position = newline + 1
    indented = ", and at least a blank before it" if anchor.startswith("-") else ""
    raise HclError(line, f"the heredoc that begins here isn't closed by a line with its word alone{indented}")


def _string(text: str, start: int, line: int) -> tuple[str, int]:
    """Return the text in quotes that begins at ``start``, without escapes, and where it ends."""
    parts: list[str] = []
    braces, position = 0, start
    while position < len(text):
        character = text[position]
        if character == '"' and not braces:
            return "".join(parts), position + 1
        if character == "\n" and not braces:
            break
        if character == "\\":
            escape = _ESCAPE.match(text, position)
            if escape is None:
                raise HclError(line, "the text in quotes has a backslash that begins no escape of HCL")
            parts.append(_unescaped(escape))
            position = escape.end()
            continue
        if braces or text.startswith("${", position - 1):
            braces += {"{": 1, "}": -1}.get(character, 0)
        parts.append(character)
        position += 1
    raise HclError(line, "the text in quotes that begins here isn't closed")


def _unescaped(escape: re.Match[str]) -> str:
    if escape["letter"] is not None:
        return _LETTERS[escape["letter"]]
    if escape["octal"] is not None:
        return chr(int(escape["octal"], 8))
    number = int(escape["x"] or escape["u"] or escape["U"], 16)
    return chr(number) if number < 0x110000 else "\ufffd"
