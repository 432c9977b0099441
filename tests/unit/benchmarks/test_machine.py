"""The machine in words."""

import platform

import pytest

from tests.benchmarks.machine import describe_machine, memory_gibibytes, processor_name


def test_the_processor_is_named_by_its_model() -> None:
    cpuinfo = "processor\t: 0\nmodel name\t: Example CPU @ 2.0GHz\n\nprocessor\t: 1\nmodel name\t: Other\n"

    assert processor_name(cpuinfo) == "Example CPU @ 2.0GHz"


def test_a_processor_without_a_model_is_named_by_its_architecture() -> None:
    assert processor_name("processor\t: 0\nBogoMIPS\t: 50.00\n") == platform.machine()


def test_memory_is_rounded_to_gibibytes() -> None:
    assert memory_gibibytes("MemTotal:       16384512 kB\nMemFree: 1 kB\n") == 16


def test_a_memory_that_nobody_tells_is_an_error() -> None:
    with pytest.raises(ValueError, match="MemTotal"):
        memory_gibibytes("MemFree: 1 kB\n")


def test_this_machine_is_described() -> None:
    assert "GiB, Linux" in describe_machine()
