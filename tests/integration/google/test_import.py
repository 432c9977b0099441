"""A lost state of the program's Google part, imported on the real engine."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.permissions.google import DOCUMENTS
from components.settings.load import parse_settings
from tests.integration.google.google_stack import NAMESPACE, SETTINGS, google_stack
from tests.integration.google.running_google import RunningGoogle, run_google
from tests.integration.plugin_stack import PluginStack

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def own_google(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGoogle]:
    """Google Cloud with a cluster, and no API on but the one that enabling others takes."""
    with run_google(tmp_path_factory.mktemp("google")) as running:
        running.create_cluster("10.244.0.1:6443", b"certificate")
        running.enable_apis("cloudresourcemanager.googleapis.com")
        yield running


def preview_permissions() -> set[str]:
    """What the printed role for a preview has."""
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in SETTINGS.items()}
    _, permissions_of = DOCUMENTS["preview"]
    return {one.name for one in permissions_of(parse_settings(texts, namespace=NAMESPACE, token=None))}


def ids(stack: PluginStack) -> dict[str, str]:
    """The ids of what is in Google Cloud, by URN."""
    resources = json.loads(stack.pulumi("stack", "export"))["deployment"]["resources"]
    return {one["urn"]: one["id"] for one in resources if one["type"].startswith("gcp:")}


def test_everything_in_google_cloud_is_imported(own_google: RunningGoogle, tmp_path: Path) -> None:
    stack, file = google_stack(tmp_path, own_google), tmp_path / "import.json"
    stack.up()
    before = ids(stack)
    stack.pulumi("stack", "rm", "--force", "--yes", "--preserve-config")
    stack.pulumi("stack", "init", "test")
    own_google.forget_calls()
    found = stack.components("import", str(file))
    assert found.returncode == 0, found.stderr
    assert "Not found" not in found.stderr
    stack.pulumi("import", "--file", str(file), "--generate-code=false", "--yes", "--skip-preview")
    asked = {permission for call in own_google.calls() for permission in call["permissions"]}
    assert asked <= preview_permissions()
    planned = stack.foretold()
    # Those that the program imports itself, and what only the provider knows.
    assert set(planned.values()) <= {"import", "update"}, planned
    stack.up()
    assert ids(stack) == before
    assert stack.foretold() == {}
