"""Whose the chart's objects are that belong to no namespace."""

import json
from pathlib import Path
from typing import Any

import pytest

from components.kubernetes.cluster_wide_names import cluster_wide_objects, taken_name
from components.kubernetes.kubectl import KubectlError, KubernetesTarget
from tests.unit.fakes.commands_on_path import only_commands

TARGET = KubernetesTarget(kubeconfig="", context="here", namespace="secrets")


def role(**annotations: str) -> dict[str, Any]:
    helm = {f"meta.helm.sh/release-{name}": value for name, value in annotations.items()}
    return {"kind": "ClusterRole", "metadata": {"name": "vault-role", "annotations": helm}}


def taken(monkeypatch: pytest.MonkeyPatch, folder: Path, answer: object) -> str | None:
    text = "" if answer is None else json.dumps(answer)
    only_commands(
        monkeypatch, folder / "commands", kubectl=f"echo \"$*\" > '{folder / 'asked'}'; echo '{text}'"
    )
    return taken_name(TARGET, "vault", "vault")


@pytest.mark.parametrize(
    "answer",
    [
        None,
        {"kind": "List", "items": []},
        role(name="vault", namespace="secrets"),
        {"kind": "List", "items": [role(name="vault", namespace="secrets")] * 2},
    ],
)
def test_names_are_free_or_the_releases_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answer: object
) -> None:
    assert taken(monkeypatch, tmp_path, answer) is None
    assert all(name in (tmp_path / "asked").read_text() for name in cluster_wide_objects("vault"))


@pytest.mark.parametrize(
    ("other", "whose"),
    [
        (role(name="vault", namespace="vault"), "belongs to the Helm release vault in namespace vault"),
        (role(name="other", namespace="secrets"), "belongs to the Helm release other in namespace secrets"),
        (role(), "exists, and no release has it"),
        ({"kind": "ClusterRole", "metadata": {"name": "vault-role"}}, "exists, and no release has it"),
    ],
)
def test_name_of_another_release_is_told_with_whose_it_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, other: dict[str, Any], whose: str
) -> None:
    items = {"kind": "List", "items": [role(name="vault", namespace="secrets"), other]}
    assert taken(monkeypatch, tmp_path, items) == f"ClusterRole vault-role {whose}"


def test_names_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    only_commands(monkeypatch, tmp_path, kubectl="echo 'forbidden' >&2; exit 1")
    with pytest.raises(KubectlError, match="forbidden"):
        taken_name(TARGET, "vault", "vault")
