"""What is found in HCL; that Vault reads it the same way was tried with its own parser on random texts."""

import pytest

from components.config.hcl import HclError, TopLevelName, top_level_names

TELEMETRY = """\
# A comment with "a quote and { a brace
telemetry {
  prometheus_retention_time = "30s"   // listener {
  usage_gauge_period = "10m"
  inner "label" { storage = [1, "}", {a = true}] }
}
/* seal "awskms" {
*/
cluster_name = "prod"
"""


def names(text: str) -> list[str]:
    return [name.name for name in top_level_names(text)]


def test_only_the_top_level_counts() -> None:
    assert top_level_names(TELEMETRY) == [TopLevelName("telemetry", 2), TopLevelName("cluster_name", 9)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("\n \t# only a comment", []),
        ('listener "tcp" {}', ["listener"]),
        ("Listener = {}", ["Listener"]),
        ('"listener" "tcp" { }', ["listener"]),
        (r'"list\u0065ner" {}', ["listener"]),
        (r'"\x73\145\U00000061l" = 1', ["seal"]),
        (r'"a\"b" = 1', ['a"b']),
        ("a = 1 b = 2", ["a", "b"]),
        ("a = 1, b = 2", ["a", "b"]),
        ("a=1\nb{c=2}d=3", ["a", "b", "d"]),
        ("a # comment\n = // another\n 1", ["a"]),
        ("/**/a = 1", ["a"]),
        ("a = 1 /*/ b = 2 /*/", ["a"]),
        ("a.b-c_d = -1.5e3", ["a.b-c_d"]),
        ("a = 0x1F", ["a"]),
        ("a = [\n1,\n[true, false],\n{ b = 1 },\n]\nc = 1", ["a", "c"]),
        ('a = "${ f("x") { "y" } }"\nb = 1', ["a", "b"]),
        ('a = "${\n}"\nb = 1', ["a", "b"]),
        ('a = "$ { not open"', ["a"]),
        ('a = <<EOF\nlistener {\n"\nEOF\nb = 1', ["a", "b"]),
        ("a = <<EOF\n not EOF\n   EOF\nb = 1", ["a", "b"]),
        ("a = <<-EOF\n  }\n  EOF\nb = 1", ["a", "b"]),
        ("a = <<-EOF\nEOF\n EOF\nb = 1", ["a", "b"]),
        ("a = <<EOF\nEOF", ["a"]),
        ("a = 1\r\nb = 2\r\n", ["a", "b"]),
        ('m = { "ä" = "ö" }', ["m"]),
    ],
)
def test_names_on_the_top_level(text: str, expected: list[str]) -> None:
    assert names(text) == expected


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a = 1\nb {\n c = 1\n", "line 2: the brace that is opened here isn't closed"),
        ("a {\n b {\n }\n", "line 1: the brace that is opened here isn't closed"),
        ("a = 1\n}", "line 2: there has to be a parameter or a stanza"),
        ("a = 1\n}\nlistener {", "line 2: there has to be a parameter or a stanza"),
        ("{ a = 1 }", "line 1: there has to be a parameter or a stanza"),
        ("a = [\n1,", "line 1: the bracket that is opened here isn't closed"),
        ("a = [1 2]", "line 1: the entries of a list have commas between them"),
        ("a = [1", "line 1: the bracket that is opened here isn't closed"),
        ('a = 1\nb = "open\nc = 1', "line 2: the text in quotes that begins here isn't closed"),
        ('a = "${ "', "line 1: the text in quotes that begins here isn't closed"),
        (r'a = "\q"', "line 1: the text in quotes has a backslash that begins no escape of HCL"),
        (r'a = "C:\users"', "line 1: the text in quotes has a backslash that begins no escape of HCL"),
        ("a = <<EOF\nb\n", "line 1: the heredoc that begins here isn't closed by a line with its word alone"),
        ("a = <<-EOF\nEOF\n", "alone, and at least a blank before it"),
        ("a = << EOF\nEOF\n", "line 1: a heredoc begins with << and a word, and nothing behind it"),
        ("\n/* open", "line 2: the comment that begins here isn't closed"),
        ("a = 1 / 2", "line 1: there is a character that HCL doesn't have outside of texts in quotes"),
        ("a = 'x'", "line 1: there is a character that HCL doesn't have outside of texts in quotes"),
        ("a = 1;", "line 1: there is a character that HCL doesn't have outside of texts in quotes"),
        ("ä = 1", "line 1: there is a character that HCL doesn't have outside of texts in quotes"),
        ("a = b", "line 1: a value is a text in quotes, a number, true, false, a list or an object"),
        ("a =", "line 2: a value is"),
        ("a = \nb = 1", "line 2: a value is"),
        ("a = 30s", "line 1: a name is followed by = and a value, or by a stanza in braces"),
        ("a b = 1", "line 1: a name is followed by = and a value, or by a stanza in braces"),
        ("telemetry", "line 1: a name is followed by = and a value, or by a stanza in braces"),
        ("a\n\n: 1", "line 3: there is a character"),
        ("true = 1", "line 1: there has to be a parameter or a stanza"),
        ("= 1", "line 1: there has to be a parameter or a stanza"),
        ('a = "x\x00"', "line 1: there is a control character"),
        ("a = 1\n\x1b", "line 2: there is a control character"),
        ("\ufeffa = 1", "line 1: there is a character"),
        ("a = " + "[" * 50_000, "line 1: braces or brackets are nested too deeply"),
        ("a {" * 30_000, "line 1: braces or brackets are nested too deeply"),
    ],
)
def test_what_vault_could_not_read_is_refused_with_its_line(text: str, problem: str) -> None:
    with pytest.raises(HclError) as raised:
        top_level_names(text)
    assert problem in str(raised.value)


def test_an_error_quotes_nothing_of_the_text() -> None:
    with pytest.raises(HclError) as raised:
        top_level_names('hidden = "hidden\n')
    assert "hidden" not in str(raised.value)
