"""The floor program's folder: what the engine runs is the floor program, in the same project."""

import runpy
from pathlib import Path

import pulumi
import pytest
from pulumi.runtime.mocks import MockCallArgs, MockResourceArgs, Mocks, set_mocks

from sandbox.layout import REPOSITORY
from tests.benchmarks.floor_stack import SOURCE, write_floor_program
from tests.benchmarks.instant_resource import InstantProvider


class Recorder(Mocks):
    """Takes every resource, and remembers its type."""

    def __init__(self) -> None:
        self.types: list[str] = []

    def new_resource(self, args: MockResourceArgs) -> tuple[str, dict[str, object]]:
        self.types.append(args.typ)
        return args.name, dict(args.inputs)

    def call(self, args: MockCallArgs) -> dict[str, object]:
        raise AssertionError(f"the floor asks {args.token}")


def test_floor_registers_the_providers_and_one_dynamic_resource(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder()
    set_mocks(recorder)
    values = {"region": "eu-central-1", "kubeconfig": "kubeconfig", "kubeContext": "here"}
    pulumi.runtime.set_all_config({f"vault-autounseal:{name}": value for name, value in values.items()})
    # It holds for the process, which is the tests' here.
    monkeypatch.setattr("gc.freeze", lambda: None)

    pulumi.runtime.test(lambda: runpy.run_path(str(SOURCE)) and None)()

    assert sorted(recorder.types) == [
        "pulumi-python:dynamic/benchmark:Instant",
        "pulumi:providers:aws",
        "pulumi:providers:kubernetes",
    ]


def test_check_and_diff_of_its_resource_find_nothing() -> None:
    provider = InstantProvider()
    assert provider.check({}, {}).failures == []
    assert provider.diff("instant", {}, {}).changes is False


def test_folder_is_of_the_same_project_and_reaches_the_same_modules(tmp_path: Path) -> None:
    write_floor_program(REPOSITORY, tmp_path)

    assert (tmp_path / "__main__.py").read_bytes() == SOURCE.read_bytes()
    assert (tmp_path / "Pulumi.yaml").read_bytes() == (REPOSITORY / "Pulumi.yaml").read_bytes()
    assert (tmp_path / "components" / "stable_provider.py").samefile(
        REPOSITORY / "components" / "stable_provider.py"
    )
    assert (tmp_path / "tests" / "benchmarks").samefile(REPOSITORY / "tests" / "benchmarks")
