"""The control groups that the sandbox's pods are in."""

from pathlib import Path

import pytest

from sandbox.cluster import control_groups
from sandbox.cluster.control_groups import create_node_group, node_group


@pytest.fixture(autouse=True)
def mount_point(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder in the place of the machine's hierarchies."""
    monkeypatch.setattr(control_groups, "_MOUNT_POINT", tmp_path)
    return tmp_path


def test_pods_get_more_of_a_busy_machine_than_one_process_by_version_2(mount_point: Path) -> None:
    (mount_point / "cgroup.controllers").write_text("cpu cpuset io memory pids")
    # What the kernel puts into each group that is made.
    (mount_point / node_group()).mkdir()
    (mount_point / node_group() / "cpu.weight").write_text("100")
    create_node_group()
    assert (mount_point / node_group() / "cpu.weight").read_text() == "2000"
    assert (mount_point / "cgroup.subtree_control").read_text() == "+cpu +cpuset +memory +pids"


def test_pods_get_more_of_a_busy_machine_than_one_process_by_version_1(
    mount_point: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_groups, "_hierarchies", lambda: [mount_point / "cpu", mount_point / "pids"])
    (mount_point / "cpu" / node_group()).mkdir(parents=True)
    (mount_point / "cpu" / node_group() / "cpu.shares").write_text("1024")
    (mount_point / "pids").mkdir()
    create_node_group()
    assert (mount_point / "cpu" / node_group() / "cpu.shares").read_text() == "20480"
    assert list((mount_point / "pids" / node_group()).iterdir()) == []
