"""A first installation whose names another release of the cluster has is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from components.release_guard import ReleaseGuardProvider
from tests.unit.fakes.commands_on_path import only_commands

NEWS: dict[str, Any] = {
    "storage": "raft",
    "migrated_to": "",
    "seal_type": "awskms",
    "migrate_from": "",
    "release_name": "vault",
    "access": {
        "target": {"kubeconfig": "", "context": "here", "namespace": "secrets"},
        "statefulset": "vault",
        "address": "",
        "ca_file": "",
    },
}
OWNER = {"meta.helm.sh/release-name": "vault", "meta.helm.sh/release-namespace": "vault"}
TAKEN = json.dumps({"kind": "ClusterRole", "metadata": {"name": "vault-role", "annotations": OWNER}})


def failures(olds: dict[str, Any], namespace: str = "secrets", release_name: str = "vault") -> list[str]:
    access = {**NEWS["access"], "target": {**NEWS["access"]["target"], "namespace": namespace}}
    news = {**NEWS, "access": access, "release_name": release_name}
    return [failure.reason for failure in ReleaseGuardProvider().check(olds, news).failures]


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A cluster in which the release vault in namespace vault has the names; returns the log of calls."""
    log = tmp_path / "calls"
    only_commands(monkeypatch, tmp_path / "commands", kubectl=f"echo called >> '{log}'; echo '{TAKEN}'")
    return log


@pytest.mark.parametrize(
    ("namespace", "release_name", "line"),
    [
        ("secrets", "vault", "releaseName vault-secrets"),
        ("vault-two", "vault", "releaseName vault-two"),
        ("vault-two", "vault-two", "releaseName vault-two-2"),
        ("n" * 40, "vault", f"releaseName vault-{'n' * 32}"),
    ],
)
def test_first_installation_is_refused_with_the_line_to_set(
    taken: Path, namespace: str, release_name: str, line: str
) -> None:
    (reason,) = failures({}, namespace, release_name)
    assert taken.read_text() == "called\n"
    assert "ClusterRole vault-role belongs to the Helm release vault in namespace vault" in reason
    assert reason.endswith(f"pulumi config set {line}")


def test_release_that_is_installed_keeps_its_name_unasked(taken: Path) -> None:
    assert failures(NEWS) == []
    assert not taken.exists()


def test_release_that_others_install_is_not_judged(taken: Path) -> None:
    assert failures({}, release_name="") == []
    assert not taken.exists()


def test_cluster_that_cannot_be_read_stops_no_preview(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    only_commands(monkeypatch, tmp_path, kubectl="echo 'forbidden' >&2; exit 1")
    assert failures({}) == []
    assert "names can't be seen: forbidden" in capfd.readouterr().err
