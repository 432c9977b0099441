"""Tells whether a program needs shared libraries, by its ELF program headers."""

import struct
from pathlib import Path

# System V ABI, "Program Header": a program that a dynamic linker has to load names it in PT_INTERP.
_PT_INTERP = 3
_ELF_HEADER = struct.Struct("<16xHHIQQQIHHH")
_ELF_64_BIT_LITTLE_ENDIAN = b"\x7fELF\x02\x01"


def is_statically_linked(program: Path) -> bool:
    """Whether a 64-bit ELF program runs without a dynamic linker; False for anything that is no such file."""
    with program.open("rb") as file:
        header = file.read(_ELF_HEADER.size)
        if len(header) < _ELF_HEADER.size or not header.startswith(_ELF_64_BIT_LITTLE_ENDIAN):
            return False
        fields = _ELF_HEADER.unpack(header)
        offset, entry_size, entries = fields[4], fields[8], fields[9]
        file.seek(offset)
        table = file.read(entry_size * entries)
    types = [int.from_bytes(table[at : at + 4], "little") for at in range(0, len(table), entry_size)]
    return bool(types) and _PT_INTERP not in types
