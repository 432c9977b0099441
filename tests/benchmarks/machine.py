"""What a measurement was made on, in words that another person can compare with their own machine."""

import os
import platform
import re
from pathlib import Path

_KIBIBYTES_PER_GIBIBYTE = 1024 * 1024


def describe_machine() -> str:
    """Processor, memory and kernel of this machine (Linux)."""
    processor = processor_name(Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    memory = memory_gibibytes(Path("/proc/meminfo").read_text(encoding="utf-8"))
    cores = len(os.sched_getaffinity(0))
    return f"{cores} cores of {processor}, {memory} GiB, {platform.system()} {platform.release()}"


def processor_name(cpuinfo: str) -> str:
    """The model by proc_cpuinfo(5); its field is there on x86 only, elsewhere the architecture says it."""
    found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    return found.group(1).strip() if found else platform.machine()


def memory_gibibytes(meminfo: str) -> int:
    """The memory that the kernel has, by proc_meminfo(5), to the nearest GiB."""
    found = re.search(r"^MemTotal:\s*(\d+) kB$", meminfo, re.MULTILINE)
    if found is None:
        raise ValueError("/proc/meminfo has no MemTotal")
    return round(int(found.group(1)) / _KIBIBYTES_PER_GIBIBYTE)
