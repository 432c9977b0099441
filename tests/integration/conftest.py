"""How the tests are spread over workers, and what modules share: a control plane, a key service, Helm."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from sandbox.charts import own_chart
from tests.built_tools import built_tools
from tests.end_to_end.faults.expectations import results_folder
from tests.integration.control_plane import ControlPlane, run_control_plane
from tests.integration.interruptions.interrupted_stack import RESULTS
from tests.integration.schedule import ModuleScheduling

if TYPE_CHECKING:
    from tests.integration.key_service import KeyService

CONFIG = 'ui = true\nstorage "raft" {\n  path = "/vault/data"\n}\n'
LEAST_VALUES = {
    "server": {"ha": {"enabled": True, "raft": {"enabled": True, "config": CONFIG}}},
}


def pytest_sessionstart(session: pytest.Session) -> None:
    """Forget what the last run has shown of interruptions."""
    if not hasattr(session.config, "workerinput") and not session.config.option.collectonly:
        shutil.rmtree(results_folder(RESULTS.home), ignore_errors=True)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ModuleScheduling:
    """Keep the tests of a module together that share what they run against."""
    return ModuleScheduling(config, log)


@pytest.fixture(scope="module")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane that lives for the module: idle ones would take processor time from the others."""
    with run_control_plane(tmp_path_factory.mktemp("control-plane")) as plane:
        yield plane


@pytest.fixture(scope="module")
def kms() -> Iterator["KeyService"]:
    """A key service with a key."""
    # Imported where it is used: it takes seconds.
    from tests.integration.key_service import run_key_service

    with run_key_service() as service:
        yield service


@pytest.fixture(scope="session")
def helm() -> Path:
    """Helm, of the sandbox's version."""
    return built_tools().helm


@pytest.fixture(scope="session")
def template_chart(helm: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """A function that has Helm render the sandbox's chart and returns how that went.

    Its arguments: ``settings``, values by dotted path; ``values``, what they are set in (the least
    that is valid, unless given); ``release`` and ``namespace``, both "vault" unless given; ``chart``, the
    folder of another chart.
    """

    def template(
        settings: Mapping[str, Any] | None = None,
        *,
        values: Mapping[str, Any] | None = None,
        release: str = "vault",
        namespace: str = "vault",
        chart: Path | None = None,
    ) -> subprocess.CompletedProcess[str]:
        command = [str(helm), "template", release, str(chart or own_chart())]
        command += ["--namespace", namespace, "--skip-tests"]
        for path, value in (settings or {}).items():
            command += ["--set-json", f"{path}={json.dumps(value)}"]
        return subprocess.run(
            [*command, "--values", "-"],
            input=yaml.safe_dump(LEAST_VALUES if values is None else values),
            capture_output=True,
            text=True,
            check=False,
        )

    return template


@pytest.fixture(scope="session")
def render_chart(
    template_chart: Callable[..., subprocess.CompletedProcess[str]],
) -> Callable[..., dict[tuple[str, str], Any]]:
    """Like ``template_chart``, but returns the Kubernetes objects by kind and name; Helm has to succeed."""

    def render(settings: Mapping[str, Any] | None = None, **arguments: Any) -> dict[tuple[str, str], Any]:
        result = template_chart(settings, **arguments)
        assert result.returncode == 0, result.stderr
        documents = [document for document in yaml.safe_load_all(result.stdout) if document is not None]
        objects = {(document["kind"], document["metadata"]["name"]): document for document in documents}
        assert len(objects) == len(documents), "two objects of one kind and name"
        return objects

    return render
