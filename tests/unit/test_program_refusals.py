"""What the whole program refuses before the first resource, and what it says."""

import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pulumi.runtime import MockResourceArgs

from components.errors import DeploymentError, SettingsError
from tests.unit.fakes.commands_on_path import only_commands
from tests.unit.fakes.mocked_account import (
    ANSWERS,
    AWS_PROVIDER,
    EKS,
    KUBERNETES_PROVIDER,
    shamir,
    up,
)
from tests.unit.fakes.recorded_deployment import deploy

pytestmark = pytest.mark.usefixtures("program_commands")


def test_wrong_settings_are_told_before_any_resource() -> None:
    asked: list[str] = []

    def never(args: MockResourceArgs) -> Mapping[str, Any]:
        asked.append(args.typ)
        return {}

    with pytest.raises(SettingsError) as raised:
        deploy({**EKS, "replicas": "2", "clusterNaem": "x"}, answers=ANSWERS, outputs=never)
    assert len(raised.value.problems) == 2
    assert asked == []


def test_windows_is_told_before_the_settings_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Windows")
    with pytest.raises(DeploymentError, match="Run it in WSL"):
        up({**EKS, "replicas": "2"})


def test_context_that_no_kubeconfig_has(tmp_path: Path) -> None:
    with pytest.raises(DeploymentError) as raised:
        up({"seal": "shamir", "kubeContext": "production"})
    assert "There is no context 'production'" in str(raised.value)
    assert "known: elsewhere, here" in str(raised.value)
    assert str(tmp_path / "kubeconfig") in str(raised.value)


@pytest.mark.parametrize("variable", ["", None])
def test_without_kubeconfig_variable_the_users_own_is_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str | None
) -> None:
    """As kubectl has it: an empty KUBECONFIG is none."""
    monkeypatch.setenv("HOME", str(tmp_path))
    if variable is None:
        monkeypatch.delenv("KUBECONFIG")
    else:
        monkeypatch.setenv("KUBECONFIG", variable)
    (tmp_path / ".kube").mkdir()
    (tmp_path / "kubeconfig").rename(tmp_path / ".kube" / "config")
    assert shamir().only(KUBERNETES_PROVIDER).inputs["context"] == "here"


def test_context_in_one_of_several_kubeconfigs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'none'}:{tmp_path / 'kubeconfig'}")
    assert shamir().only(KUBERNETES_PROVIDER).inputs["context"] == "here"


def test_kubeconfig_that_does_not_exist(tmp_path: Path) -> None:
    path = str(tmp_path / "none")
    with pytest.raises(DeploymentError, match="doesn't exist; fix the setting kubeconfig"):
        up({"seal": "shamir", "kubeContext": "here", "kubeconfig": path})


@pytest.mark.parametrize("content", ["{unclosed: [", "\xff\xfe"])
def test_kubeconfig_that_cannot_be_read(tmp_path: Path, content: str) -> None:
    path = tmp_path / "broken"
    path.write_text(content, encoding="latin-1")
    with pytest.raises(DeploymentError, match="can't be read"):
        up({"seal": "shamir", "kubeContext": "here", "kubeconfig": str(path)})


@pytest.mark.parametrize(
    ("present", "missing"), [(["aws"], "'kubectl'"), (["kubectl"], "'aws'")], ids=["kubectl", "aws"]
)
def test_command_that_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, present: list[str], missing: str
) -> None:
    only_commands(monkeypatch, tmp_path / "few", **dict.fromkeys(present, "echo '{}'"))
    with pytest.raises(DeploymentError, match=f"The command {missing} isn't on PATH"):
        up(EKS)


def test_api_server_that_does_not_answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    only_commands(
        monkeypatch, tmp_path / "unreachable", kubectl="echo 'connection refused' >&2; exit 1", aws="exit 0"
    )
    asked: list[str] = []

    def recorded(args: MockResourceArgs) -> Mapping[str, Any]:
        asked.append(args.typ)
        return {}

    with pytest.raises(DeploymentError) as raised:
        deploy(EKS, answers=ANSWERS, outputs=recorded)
    assert "behind context 'example' doesn't answer: connection refused" in str(raised.value)
    assert asked == [AWS_PROVIDER]
