import json
from io import StringIO
from pathlib import Path

import pytest

from sandbox import cluster, lifecycle
from sandbox.__main__ import main
from sandbox.build.versions import OLDER_VAULT, VAULT, Versions
from sandbox.charts import CHART_VERSION, OLDER_CHART_VERSION
from sandbox.errors import SandboxError
from sandbox.layout import Layout
from sandbox.lifecycle import Cloud, Sources, bring_up, deployed_cloud, version_settings
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


def test_an_existing_cluster_has_a_kubernetes_of_its_own(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(lifecycle.EXISTING_CLUSTER, "/nowhere")
    sources, older = Sources(chart=None, download=False), Versions(kubernetes="1.30.14")
    with pytest.raises(SandboxError, match="Leave out either SANDBOX_KUBECONFIG or KUBERNETES"):
        bring_up(layout, Progress(StringIO()), sources, versions=older)


def test_settings_name_the_versions_whatever_the_programs_defaults_are(tmp_path: Path) -> None:
    assert version_settings(Versions(), None) == {
        "image": {"tag": VAULT},
        "chart": {"version": CHART_VERSION},
    }
    assert version_settings(Versions(vault=OLDER_VAULT), None) == {
        "image": {"tag": OLDER_VAULT},
        "chart": {"version": OLDER_CHART_VERSION},
    }
    assert version_settings(Versions(), tmp_path)["chart"] == {"path": str(tmp_path)}


@pytest.mark.parametrize("option", ["--vault", "--kubernetes"])
def test_a_version_that_cannot_be_had_is_refused_before_anything_starts(
    option: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.__main__.bring_up", lambda *_: pytest.fail("it was started"))
    assert main(["up", option, "1.2.3"]) == 1
    assert f"{option[2:].upper()}=1.2.3 can't be had here: set" in capsys.readouterr().err


def test_a_cluster_is_known_by_the_kubernetes_that_it_was_started_with(layout: Layout) -> None:
    assert cluster.kubernetes_version(layout) == Versions().kubernetes
    record = layout.run / "cluster" / "settings.json"
    record.parent.mkdir(parents=True)
    record.write_text('{"service_account_issuer": "https://issuer", "host_records": {}, "images": []}')
    assert cluster.kubernetes_version(layout) == "1.30.14"
    record.write_text(json.dumps({**json.loads(record.read_text()), "kubernetes": "1.34.4"}))
    assert cluster.kubernetes_version(layout) == "1.34.4"
