"""The floor program's folder: what the engine runs is the floor program, in the same project."""

import runpy
from pathlib import Path

import pytest

from sandbox.layout import REPOSITORY
from tests.benchmarks.floor_stack import SOURCE, write_floor_program
from tests.benchmarks.instant_resource import InstantProvider
from tests.unit.fakes.recorded_deployment import deploy


def test_floor_registers_the_providers_and_one_dynamic_resource(monkeypatch: pytest.MonkeyPatch) -> None:
    # It holds for the process, which is the tests' here.
    monkeypatch.setattr("gc.freeze", lambda: None)

    deployment = deploy(
        {"region": "eu-central-1", "kubeconfig": "kubeconfig", "kubeContext": "here"},
        answers={},
        outputs=lambda _: {},
        program=_run_floor,
    )

    assert deployment.calls == []
    assert sorted(registration.type for registration in deployment.registrations) == [
        "pulumi-python:dynamic/benchmark:Instant",
        "pulumi:providers:aws",
        "pulumi:providers:kubernetes",
    ]


def _run_floor() -> None:
    runpy.run_path(str(SOURCE))


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
