"""The sandbox, brought up once for all tests here, and the deployments that they ask for.

A sandbox that runs already is torn down first: what these tests say has to hold from nothing.
"""

import json
import os
import sys
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest

from sandbox.charts import own_chart
from sandbox.layout import Layout
from sandbox.lifecycle import Sources, World, bring_up, tear_down
from sandbox.processes import log_tail
from sandbox.progress import Progress
from sandbox.stack import SandboxStack
from tests.end_to_end.running_vault import Cluster, RunningVault


@dataclass
class Deployment:
    """The program's stack in the sandbox, and which settings it is deployed with now."""

    world: World
    deployed: Mapping[str, object] | None = field(default=None)

    @property
    def stack(self) -> SandboxStack:
        """The stack."""
        return self.world.stack

    @property
    def cluster(self) -> Cluster:
        """The Kubernetes cluster."""
        return Cluster(self.stack)

    @property
    def vault(self) -> RunningVault:
        """The Vault that the stack deployed."""
        outputs = self.outputs()
        return RunningVault(self.cluster, outputs["namespace"], outputs["pod_access"]["statefulset"])

    def vault_of(self, namespace: str) -> RunningVault:
        """The Vault in that namespace, of a stack whose update may not have come to its end."""
        return RunningVault(self.cluster, namespace, "vault")

    def ensure(self, settings: Mapping[str, object]) -> None:
        """Deployed with these settings on top of the sandbox's own; anew, unless it is already."""
        if self.deployed != settings:
            self.ensure_nothing()
            self.configure(settings)
            self.stack.pulumi("up", "--yes", "--skip-preview", quiet=True)
            self.deployed = settings

    def ensure_nothing(self) -> None:
        """Nothing deployed."""
        self.stack.pulumi("destroy", "--yes", "--skip-preview", quiet=True)
        self.deployed = None

    def configure(self, settings: Mapping[str, object]) -> None:
        """The sandbox's configuration with these settings on top, or without those that are None."""
        self.stack.configure({**self.world.facts, **settings})

    def outputs(self) -> dict[str, Any]:
        """Stack outputs, secrets in clear."""
        text = self.stack.pulumi("stack", "output", "--json", "--show-secrets", quiet=True)
        outputs: dict[str, Any] = json.loads(text)
        return outputs

    def customer_aliases(self) -> list[str]:
        """Aliases of KMS keys that AWS didn't make itself."""
        names = [alias["AliasName"] for alias in self.aws("kms").list_aliases()["Aliases"]]
        return [name for name in names if not name.startswith("alias/aws/")]

    def aws(self, service: str) -> Any:
        """A boto3 client with the operator's credentials."""
        environment = self.stack.cloud_environment
        return boto3.client(
            service,  # type: ignore[call-overload]  # the stubs want a literal for each service
            endpoint_url=environment["AWS_ENDPOINT_URL"],
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            region_name=environment["AWS_REGION"],
        )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Shows, with a failure, what the parts of the sandbox logged last: they are gone with it afterwards."""
    report = yield
    if report.failed and report.when == "call":
        logs = sorted(Layout().logs.glob("*.log"))
        report.sections.extend((f"end of {log.name}", log_tail(Layout(), log.stem)) for log in logs)
    return report


@pytest.fixture(scope="session")
def deployment() -> Iterator[Deployment]:
    """The sandbox, up, with an empty stack. CHART names a chart to use instead of the sandbox's own."""
    layout = Layout()
    tear_down(layout)
    chart = os.environ.get("CHART")
    sources = Sources(chart=Path(chart) if chart else own_chart(), download=False)
    world = bring_up(layout, Progress(sys.stderr), sources)
    world.stack.select()
    yield Deployment(world)
    tear_down(layout)


@pytest.fixture
def nothing(deployment: Deployment) -> Deployment:
    """The sandbox with nothing deployed in it."""
    deployment.ensure_nothing()
    deployment.configure({})
    return deployment


@pytest.fixture
def awskms(deployment: Deployment) -> Deployment:
    """The stack as ``make up`` deploys it."""
    deployment.ensure({})
    return deployment


@pytest.fixture
def shamir(deployment: Deployment) -> Deployment:
    """The stack with the Shamir seal."""
    deployment.ensure(
        {
            "seal": "shamir",
            **dict.fromkeys(("clusterName", "region", "nodeSecurityGroupId", "key"), None),
        }
    )
    return deployment
