"""Find the places of a module that can be broken, and the module with one of them broken."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

OPPOSITES: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}


@dataclass(frozen=True)
class Mutant:
    """One expression or statement of a file and what is put in its place."""

    file: Path
    line: int
    kind: str
    original: str
    replacement: str
    start: int
    end: int

    def __str__(self) -> str:
        return (
            f"{self.file}:{self.line} {self.kind} · {' '.join(self.original.split())} -> {self.replacement}"
        )

    def broken(self, source: str) -> str:
        """Return the file's source with the replacement in it."""
        text = source.encode()
        return (text[: self.start] + self.replacement.encode() + text[self.end :]).decode()


def mutants_of(file: Path, source: str) -> Iterator[Mutant]:
    """Yield every mutant of this file.

    Decorators are left out: what `@dataclass(frozen=True)` and its like forbid, strict typing proves.
    """
    line_starts = [0]
    for line in source.encode().splitlines(keepends=True):
        line_starts.append(line_starts[-1] + len(line))
    tree = ast.parse(source)
    in_decorators = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        for decorator in node.decorator_list
        for inner in ast.walk(decorator)
    }
    for node in ast.walk(tree):
        if node in in_decorators:
            continue
        for kind, part, replacement in _replacements(node):
            assert part.end_lineno is not None
            assert part.end_col_offset is not None
            start = line_starts[part.lineno - 1] + part.col_offset
            end = line_starts[part.end_lineno - 1] + part.end_col_offset
            original = source.encode()[start:end].decode()
            yield Mutant(file, part.lineno, kind, original, replacement, start, end)


def _replacements(node: ast.AST) -> Iterator[tuple[str, ast.expr | ast.stmt, str]]:
    match node:
        case ast.If(test=test) if ast.unparse(test) != "TYPE_CHECKING":
            yield "guard off", test, "False"
        case ast.Expr(value=ast.Call()):
            yield "call off", node, "pass"
        case ast.Compare(left=left, ops=[operator], comparators=comparators) if type(operator) in OPPOSITES:
            turned = ast.Compare(left, [OPPOSITES[type(operator)]()], comparators)
            yield "comparison turned", node, f"({ast.unparse(turned)})"
        case ast.BoolOp(op=operator, values=values):
            other = ast.Or() if isinstance(operator, ast.And) else ast.And()
            yield "and/or turned", node, f"({ast.unparse(ast.BoolOp(other, values))})"
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield "not off", node, f"({ast.unparse(operand)})"
        case ast.Constant(value=bool(value)):
            yield "boolean turned", node, str(not value)
