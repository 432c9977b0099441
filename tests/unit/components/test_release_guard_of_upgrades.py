"""An older version, or other volumes, is refused before the release is changed."""

from typing import Any

import pytest

from components.kubernetes.kubectl import KubectlError
from components.release_guard import ReleaseGuardProvider
from components.rollout import versions, volumes
from components.vault.stateful_set import StatefulSetError
from tests.unit.fakes.init_inputs import access

VOLUMES = {"data": {"size": "10Gi", "storage_class": ""}}


def guarded(**changed: Any) -> dict[str, Any]:
    return {
        "storage": "raft",
        "migrated_to": "",
        "seal_type": "awskms",
        "seal_key": "key",
        "migrate_from": "",
        "migrate_from_key": "",
        "image": "hashicorp/vault:1.18.1",
        "volumes": VOLUMES,
        "access": access().to_properties(),
        "replicas": 3,
        **changed,
    }


def failures(olds: dict[str, Any], **changed: Any) -> list[tuple[str, str]]:
    answer = ReleaseGuardProvider().check(olds, guarded(**changed))
    return [(failure.property, failure.reason) for failure in answer.failures]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was asked for; both are refused."""
    found: list[str] = []

    def downgrade(_access: object, replicas: int, image: str) -> str:
        found.append(f"{image} of {replicas}")
        return "Vault doesn't go back"

    def changed(_access: object, wanted: Any) -> str:
        found.append(wanted["data"]["size"])
        return "Kubernetes refuses it"

    monkeypatch.setattr(versions, "downgrade", downgrade)
    monkeypatch.setattr(volumes, "changed_volume", changed)
    return found


def test_another_image_and_other_volumes_are_compared_with_what_runs(asked: list[str]) -> None:
    larger = {"data": {"size": "20Gi", "storage_class": ""}}
    found = failures(guarded(), image="hashicorp/vault:1.17.0", volumes=larger)
    assert found == [("image", "Vault doesn't go back"), ("volumes", "Kubernetes refuses it")]
    assert asked == ["hashicorp/vault:1.17.0 of 3", "20Gi"]


@pytest.mark.parametrize("olds", [{}, guarded()])
def test_nobody_is_asked_at_the_first_installation_or_without_a_change(
    asked: list[str], olds: dict[str, Any]
) -> None:
    assert failures(olds) == []
    assert asked == []


def test_state_of_an_earlier_version_has_neither(asked: list[str]) -> None:
    earlier = {name: value for name, value in guarded().items() if name not in ("image", "volumes")}
    assert len(failures(earlier)) == 2
    assert len(asked) == 2


def test_preview_works_without_the_cluster(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unreachable(*_: object) -> None:
        raise StatefulSetError("the pods can't be listed")

    def refused(*_: object) -> None:
        raise KubectlError("connection refused")

    monkeypatch.setattr(versions, "downgrade", unreachable)
    monkeypatch.setattr(volumes, "changed_volume", refused)
    assert failures(guarded(image="other:1.17.0", volumes={})) == []
    said = capsys.readouterr().err
    assert "Which version of Vault runs can't be seen: the pods can't be listed" in said
    assert "Whether Kubernetes takes these volumes can't be seen: connection refused" in said


def test_image_that_does_not_start_is_refused_at_the_first_installation_and_later(asked: list[str]) -> None:
    for olds in ({}, guarded()):
        ((name, reason),) = failures(olds, image="hashicorp/vault:1.21.6")
        assert (name, asked) == ("image", [])
        assert "set image.tag to 1.21.7 or later" in reason


def test_image_that_runs_already_is_left_alone(asked: list[str]) -> None:
    """It may, with a right that the chart doesn't give by itself."""
    running = guarded(image="hashicorp/vault:1.21.6")
    assert failures(running, image="hashicorp/vault:1.21.6") == []
    earlier = {name: value for name, value in running.items() if name != "image"}
    found = failures(earlier, image="hashicorp/vault:1.21.6")
    assert [reason for _, reason in found] == ["Vault doesn't go back"]
    assert asked == ["hashicorp/vault:1.21.6 of 3"]
