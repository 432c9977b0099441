from io import StringIO
from pathlib import Path

import pytest

from sandbox import lifecycle
from sandbox.errors import SandboxError
from sandbox.layout import Layout
from sandbox.lifecycle import Cloud, Sources, bring_up, deployed_cloud
from sandbox.progress import Progress
from sandbox.stack import GOOGLE_STACK, STACK

CLOUDS: dict[Cloud, str] = {"aws": STACK, "gcp": GOOGLE_STACK}


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path)


def configure(layout: Layout, cloud: Cloud) -> None:
    layout.stack_configuration.mkdir(exist_ok=True)
    (layout.stack_configuration / f"Pulumi.{CLOUDS[cloud]}.yaml").touch()


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_the_cloud_is_known_by_the_stack(layout: Layout, cloud: Cloud) -> None:
    configure(layout, cloud)
    assert deployed_cloud(layout) == cloud


@pytest.mark.parametrize(("up", "wanted"), [("aws", "gcp"), ("gcp", "aws")])
def test_one_cloud_at_a_time(
    layout: Layout, up: Cloud, wanted: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(lifecycle.EXISTING_CLUSTER, raising=False)
    configure(layout, up)
    with pytest.raises(SandboxError, match="up with the other cloud"):
        bring_up(layout, Progress(StringIO()), Sources(chart=None, download=False), wanted)


def test_an_existing_cluster_has_no_google_cloud(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(lifecycle.EXISTING_CLUSTER, "/nowhere")
    with pytest.raises(SandboxError, match="Leave out either SANDBOX_KUBECONFIG or CLOUD=gcp"):
        bring_up(layout, Progress(StringIO()), Sources(chart=None, download=False), "gcp")
