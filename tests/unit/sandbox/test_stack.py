from pathlib import Path

import pytest
import yaml

from sandbox.build.tools import Tools
from sandbox.layout import REPOSITORY, Layout
from sandbox.stack import GOOGLE_STACK, NAMESPACE, SandboxStack


@pytest.fixture
def tools(tmp_path: Path) -> Tools:
    return Tools(**{name: tmp_path / "tools" / name for name in Tools.__annotations__})


def test_what_leads_to_a_cloud_wins_over_the_users_own(
    tmp_path: Path, tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://of-the-user:3128")
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "of-the-user")
    monkeypatch.setenv("UNTOUCHED", "of-the-user")
    stack = SandboxStack(Layout(tmp_path), tools, cloud_environment={"HTTPS_PROXY": "http://127.0.0.1:1"})
    environment = stack.environment()
    assert environment["HTTPS_PROXY"] == "http://127.0.0.1:1"
    assert "https_proxy" not in environment
    assert "GOOGLE_CLOUD_PROJECT" not in environment
    assert environment["UNTOUCHED"] == "of-the-user"
    without = SandboxStack(Layout(tmp_path), tools, cloud_environment={}).environment()
    assert without["https_proxy"] == "http://of-the-user:3128"


def test_the_google_stack_starts_from_its_own_settings(tmp_path: Path, tools: Tools) -> None:
    stack = SandboxStack(
        Layout(tmp_path), tools, cloud_environment={}, name=GOOGLE_STACK, tracked=GOOGLE_STACK
    )
    stack.configure({"chart": {"path": "/a/chart"}})
    written = yaml.safe_load(stack.configuration_file.read_text(encoding="utf-8"))["config"]
    tracked = yaml.safe_load((REPOSITORY / f"Pulumi.{GOOGLE_STACK}.yaml").read_text(encoding="utf-8"))
    assert written == {**tracked["config"], f"{NAMESPACE}:chart": {"path": "/a/chart"}}
    assert written[f"{NAMESPACE}:seal"] == "gcpckms"
