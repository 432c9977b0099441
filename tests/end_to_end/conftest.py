"""The sandbox, brought up before the first test, and the deployments that the tests ask for.

A run is about one cloud: AWS, or Google Cloud where only tests below `google` were asked for; and about one
Kubernetes: the newest, or the older one where only tests below `older_kubernetes` were asked for. Each test
has a stack of its own unless it only reads, so that several workers of pytest-xdist use one sandbox.
"""

import itertools
import os
import pickle
import shutil
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.build.pinned_tools import KUBERNETES, OLDER_KUBERNETES
from sandbox.build.versions import Versions
from sandbox.charts import own_chart
from sandbox.layout import Layout
from sandbox.lifecycle import Cloud, Environment, Sources, bring_up
from sandbox.processes import log_tail
from sandbox.progress import Progress
from tests.end_to_end.deployment import Deployment
from tests.end_to_end.faults.expectations import results_folder
from tests.end_to_end.schedule import DeploymentScheduling
from tests.end_to_end.turns import turn

GOOGLE = Path(__file__).with_name("google")
OLDER = Path(__file__).with_name("older_kubernetes")
ENVIRONMENT = pytest.StashKey[Environment]()


def cloud(config: pytest.Config) -> Cloud:
    """Whose cloud this run is about."""
    return "gcp" if only_below(GOOGLE, config) else "aws"


def kubernetes(config: pytest.Config) -> str:
    """The version of Kubernetes that this run is about."""
    return OLDER_KUBERNETES if only_below(OLDER, config) else KUBERNETES


def only_below(folder: Path, config: pytest.Config) -> bool:
    """Whether only tests in that folder were asked for."""
    paths = [(config.invocation_params.dir / arg.partition("::")[0]).resolve() for arg in config.args]
    return all(path.is_relative_to(folder) for path in paths)


def bring_up_for_tests(cloud: Cloud, kubernetes: str = KUBERNETES) -> Environment:
    """The sandbox, up. CHART names a chart to use instead of the sandbox's own."""
    chart = os.environ.get("CHART")
    sources = Sources(chart=Path(chart) if chart else own_chart(), download=False)
    return bring_up(Layout(), Progress(sys.stderr), sources, cloud, Versions(kubernetes=kubernetes))


def pytest_sessionstart(session: pytest.Session) -> None:
    """Brings the sandbox up; a worker is told by the main process what is in it."""
    config = session.config
    worker = getattr(config, "workerinput", None)
    if worker is not None:
        config.stash[ENVIRONMENT] = pickle.loads(worker["environment"])  # noqa: S301 - of the main process
    elif not config.option.collectonly:
        if os.environ.get("VAULT_SANDBOX_ISOLATED") != "yes":
            raise pytest.UsageError(
                "These tests bring up a sandbox of their own beside any other one: run make end-to-end, "
                "make one TEST='tests/end_to_end/...', or sandbox/isolated.sh <name> <this command>"
            )
        shutil.rmtree(results_folder(Layout().home), ignore_errors=True)
        config.stash[ENVIRONMENT] = bring_up_for_tests(cloud(config), kubernetes(config))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tells a worker of pytest-xdist what is in the sandbox."""
    node.workerinput["environment"] = pickle.dumps(node.config.stash[ENVIRONMENT])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> DeploymentScheduling:
    """Keeps tests together that share a deployment."""
    return DeploymentScheduling(config, log)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leaves the tests of the other cloud and of the other Kubernetes out."""
    other = {folder for folder in (GOOGLE, OLDER) if not only_below(folder, config)}
    return True if collection_path in other else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts those last that no other test may run beside."""
    items.sort(key=lambda item: item.get_closest_marker("alone") is not None)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Lets a test marked ``alone`` run by itself, with its set-up and tear-down."""
    with turn(Layout().run / "turns", alone=item.get_closest_marker("alone") is not None):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Shows, with a failure, what the parts of the sandbox logged last: they are gone with it afterwards."""
    report = yield
    if report.failed:
        logs = sorted(Layout().logs.glob("*.log"))
        report.sections.extend((f"end of {log.name}", log_tail(Layout(), log.stem)) for log in logs)
    return report


@pytest.fixture(scope="session")
def environment(request: pytest.FixtureRequest) -> Environment:
    """What the sandbox consists of."""
    return request.config.stash[ENVIRONMENT]


@pytest.fixture(scope="session")
def deployment(environment: Environment) -> Deployment:
    """The stack that `make up` has, with nothing deployed; for the tests of one worker."""
    environment.stack.select()
    return Deployment(environment)


@pytest.fixture(scope="session")
def names(request: pytest.FixtureRequest) -> Iterator[str]:
    """Names for stacks, each given once in a sandbox."""
    worker = getattr(request.config, "workerinput", {"workerid": "main"})["workerid"]
    return (f"vault-{worker}-{number}" for number in itertools.count())


@pytest.fixture
def awskms(deployment: Deployment) -> Deployment:
    """The stack as ``make up`` deploys it. Its tests are run by one worker, and leave it as
    they found it."""
    deployment.ensure({})
    return deployment


@pytest.fixture
def fresh(environment: Environment, names: Iterator[str]) -> Iterator[Deployment]:
    """A stack of the test's own, with nothing deployed."""
    deployment = Deployment(environment).beside(next(names))
    yield deployment
    deployment.discard()


@pytest.fixture(scope="module")
def fresh_of_module(environment: Environment, names: Iterator[str]) -> Iterator[Deployment]:
    """A stack of a module's own, with nothing deployed at first; the module is in `schedule.SHARED`."""
    deployment = Deployment(environment).beside(next(names))
    yield deployment
    deployment.discard()
