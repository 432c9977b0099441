"""Programs that bring all their code, and others."""

import struct
from pathlib import Path

import pytest

from sandbox.build.elf import is_statically_linked

LOAD, DYNAMIC, INTERPRETER = 1, 2, 3


def elf(*segments: int) -> bytes:
    """An ELF header with program headers of these types."""
    header = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    header += struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0, 64, 0, 0, 64, 56, len(segments), 0, 0, 0)
    return header + b"".join(struct.pack("<I", segment).ljust(56, b"\0") for segment in segments)


@pytest.mark.parametrize(
    ("content", "static"),
    [
        (elf(LOAD), True),
        (elf(LOAD, DYNAMIC), True),
        (elf(LOAD, INTERPRETER, DYNAMIC), False),
        (b"#!/bin/sh\n" + b"x" * 100, False),
        (b"\x7fELF", False),
        (b"", False),
    ],
    ids=["static", "static-pie", "dynamic", "script", "cut off", "empty"],
)
def test_a_program_with_an_interpreter_is_not_static(content: bytes, static: bool, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(content)

    assert is_statically_linked(program) is static
