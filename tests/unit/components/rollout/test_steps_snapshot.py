"""A snapshot is taken before another image of Vault, and blank pods are made ready to take one."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from components.errors import DeploymentError
from components.rollout import steps
from tests.unit.fakes.rolling_pods import NEW, OLD, RollingPods, outdated_pods, roll, server


@pytest.fixture(autouse=True)
def moments(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pod is soon ill."""
    monkeypatch.setattr(steps, "ILL_SECONDS", 0.05)


def test_snapshot_is_taken_once_before_the_first_pod_with_another_image(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pods = outdated_pods(3, leader=1)
    taken: list[list[str]] = []
    roll(pods, monkeypatch, take_snapshot=lambda: taken.append(list(pods.removed)))
    assert taken == [[]]
    assert len(pods.removed) == 3


def test_no_pod_is_replaced_if_the_snapshot_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    pods = outdated_pods(3, leader=1)

    def fail() -> None:
        raise DeploymentError("the bucket refuses it")

    with pytest.raises(DeploymentError, match="the bucket refuses it"):
        roll(pods, monkeypatch, take_snapshot=fail)
    assert pods.removed == []


def test_pods_are_looked_at_anew_after_the_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another pod leads once it is taken."""
    pods = outdated_pods(3, leader=2)

    def change_leader() -> None:
        pods.leader = 0

    roll(pods, monkeypatch, take_snapshot=change_leader)
    assert pods.removed == ["evict vault-2", "evict vault-1", "evict vault-0"]


def set_back(pods: RollingPods) -> None:
    """The leader has the image of the settings; another pod has one that never started."""
    pods.servers = [server(ordinal) for ordinal in range(3)]
    pods.servers[2] = server(2, outdated=True, ready=False, running=False)


def same_image(pods: RollingPods) -> None:
    """Something else of the pods is changed."""
    pods.servers = [replace(one, origin=replace(OLD, image=NEW.image)) for one in pods.servers]


def no_leader(pods: RollingPods) -> None:
    """No pod serves, so that Vault gives no snapshot: what is broken has to be fixed without one."""
    pods.servers = [server(ordinal, outdated=True, ready=False, running=False) for ordinal in range(3)]
    pods.leader = -1

    def elect(pods: RollingPods) -> None:
        if any(one.ready for one in pods.servers):
            pods.leader = next(one.ordinal for one in pods.servers if one.ready)

    pods.at_look = elect


def mirrored(pods: RollingPods) -> None:
    """A webhook has put a mirror of the image in its place."""
    image = f"mirror.example/{NEW.image}"
    pods.servers = [replace(one, origin=replace(OLD, image=image)) for one in pods.servers]


def newer_leads(pods: RollingPods) -> None:
    """A drain has restarted a pod with the new image, and that one leads by now."""
    pods.servers[1] = server(1)


@pytest.mark.parametrize(
    ("case", "why"),
    [
        (set_back, "as vault-1 leads with it already"),
        (same_image, ""),
        (mirrored, ""),
        (no_leader, "as no pod leads"),
        (newer_leads, "as vault-1 leads with it already"),
    ],
)
def test_without_another_image_for_the_leader_none_is_taken(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    case: Callable[[RollingPods], None],
    why: str,
) -> None:
    pods = outdated_pods(3, leader=1)
    case(pods)
    roll(pods, monkeypatch, take_snapshot=lambda: pytest.fail("one was taken"))
    assert not any(one.outdated for one in pods.servers)
    said = capsys.readouterr().err
    assert said.count(f"No snapshot is taken before another image, {why}") == (1 if why else 0)


def test_pods_that_have_lost_all_volumes_get_the_settings_of_the_release(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """None of them ever serves before a snapshot is restored, into the version that the settings name."""
    pods = RollingPods([server(ordinal, outdated=True, ready=False) for ordinal in range(3)], -1, [])
    pods.blank = True
    roll(pods, monkeypatch, take_snapshot=lambda: pytest.fail("one was taken"))
    assert pods.removed == [f"delete vault-{ordinal}" for ordinal in (2, 1, 0)]


def test_blank_pods_that_are_leaving_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each goes on to answer for some seconds: the chart's pods sleep before they end."""
    pods = RollingPods([server(ordinal, outdated=True, ready=False) for ordinal in range(3)], -1, [])
    pods.blank, pods.looks_until_gone = True, 4
    roll(pods, monkeypatch)
    assert not any(one.outdated or one.terminating for one in pods.servers)


def test_pod_that_does_not_answer_yet_may_have_data(monkeypatch: pytest.MonkeyPatch) -> None:
    pods = RollingPods([server(ordinal, outdated=True, ready=False) for ordinal in range(3)], -1, [])
    pods.blank, pods.silent = True, lambda one: one.ordinal == 0
    monkeypatch.setattr(steps, "pod_states", lambda _: [])
    with pytest.raises(DeploymentError, match="no longer replaced"):
        roll(pods, monkeypatch)
    assert "delete vault-0" not in pods.removed
