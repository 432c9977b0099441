"""A stack of today's defaults goes on with them, until its settings say otherwise."""

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from components.settings.defaults import CHART_VERSION, IMAGE_TAG
from sandbox.charts import own_chart
from tests.built_tools import built_tools
from tests.end_to_end.deployment import ONE_POD, Deployment
from tests.end_to_end.older_program import UP, changes, older_program
from tests.end_to_end.running_vault import spoken_scheme
from tests.http_server import file_server

COMMIT = "fab4edeee58e857f5d576b5888cdc5e35fd77037"
"""The last one whose new stacks have Vault 1.18.1, chart 0.29.1 and plain HTTP."""
KEPT = (
    "Vault 1.18.1, chart 0.29.1 and plain HTTP are kept, as the stack has them; new stacks get "
    f"{IMAGE_TAG}, {CHART_VERSION} and TLS (own): set image.tag, chart.version and tls.source to move"
)


@pytest.fixture
def charts(tmp_path: Path) -> Iterator[str]:
    """The URL of a Helm repository with the sandbox's chart in both versions."""
    repository, helm = tmp_path / "repository", str(built_tools().helm)
    repository.mkdir()
    for version in ("0.29.1", CHART_VERSION):
        chart = shutil.copytree(own_chart(), tmp_path / version / "vault")
        description = chart / "Chart.yaml"
        description.write_text(re.sub(r"(?m)^version: .*$", f"version: {version}", description.read_text()))
        subprocess.run(
            [helm, "package", str(chart), "--destination", str(repository)], check=True, capture_output=True
        )
    subprocess.run([helm, "repo", "index", str(repository)], check=True, capture_output=True)
    with file_server(repository) as url:
        yield url


def running(deployment: Deployment) -> Sequence[Mapping[str, str]]:
    """What the pods run with, and who they are."""
    return [
        {
            "uid": pod["metadata"]["uid"],
            "image": pod["spec"]["containers"][0]["image"],
            "chart": pod["metadata"]["labels"]["helm.sh/chart"],
            "scheme": spoken_scheme(pod),
        }
        for pod in deployment.vault.pods()
    ]


def test_older_stack_keeps_its_versions_and_http_until_it_is_told(
    fresh: Deployment, charts: str, tmp_path: Path
) -> None:
    # Without the versions that the sandbox names.
    settings = {**ONE_POD, "image": None, "chart": {"repository": charts}}
    fresh.configure(settings)
    replace(fresh.stack, program=older_program(tmp_path, COMMIT)).pulumi(*UP, quiet=True)
    [before] = running(fresh)
    assert before["image"].endswith(":1.18.1")
    assert (before["chart"], before["scheme"]) == ("vault-0.29.1", "http")

    assert changes(fresh.stack) == set()
    assert KEPT in fresh.stack.pulumi("preview", quiet=True)
    fresh.up()
    assert running(fresh) == [before]

    moved = {"image": {"tag": IMAGE_TAG}, "tls": {"source": "own"}}
    fresh.configure({**settings, **moved, "chart": {"repository": charts, "version": CHART_VERSION}})
    assert "kept, as the stack has" not in fresh.stack.pulumi(*UP, quiet=True)
    [after] = running(fresh)
    assert after["image"].endswith(f":{IMAGE_TAG}")
    assert (after["chart"], after["scheme"]) == (f"vault-{CHART_VERSION}", "https")

    # A setting that is removed leaves what the stack has.
    fresh.configure(settings)
    assert changes(fresh.stack) == set()
