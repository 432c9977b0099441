"""Control groups of the sandbox's pods: below one group of its own, apart from any other Kubernetes' pods."""

import errno
import os
import signal
from pathlib import Path

from sandbox.processes import wait_until

_MOUNT_POINT = Path("/sys/fs/cgroup")
# Those that the kubelet refuses to start without (kubernetes pkg/kubelet/cm/container_manager_linux.go and
# cgroup_manager_linux.go, release 1.30); version 2 has no cpuacct of its own.
_REQUIRED_VERSION_1 = ("cpu", "cpuacct", "cpuset", "memory", "pids")
_REQUIRED_VERSION_2 = ("cpu", "cpuset", "memory", "pids")


def node_group() -> str:
    """Name the group, directly below the root of every hierarchy; the kubelet's ``cgroupRoot``.

    A machine can have one sandbox in each network namespace, and the groups are the whole machine's: so the
    name has the namespace's number in it.
    """
    return f"vault-sandbox-{Path('/proc/self/ns/net').stat().st_ino}"


def check_control_groups() -> list[str]:
    """Return what a kubelet lacks on this machine: nothing, or one line that says so.

    Both versions serve: a unified hierarchy at /sys/fs/cgroup, or one hierarchy a controller below it.
    """
    if _unified():
        available = set((_MOUNT_POINT / "cgroup.controllers").read_text().split())
        missing = [name for name in _REQUIRED_VERSION_2 if name not in available]
    else:
        missing = [name for name in _REQUIRED_VERSION_1 if not (_MOUNT_POINT / name / "tasks").exists()]
    if not missing:
        return []
    return [f"the kernel offers no control group controllers {', '.join(missing)} below {_MOUNT_POINT}"]


# By default all pods together get no more of a busy machine than one process outside of the group: the
# kubelet's probes time out then, and raft loses its leader. Both files are documented with Linux, in
# Documentation/admin-guide/cgroup-v2.rst and Documentation/scheduler/sched-design-CFS.rst.
_PROCESSES_WORTH = 20
_WEIGHTS = {"cpu.weight": 100 * _PROCESSES_WORTH, "cpu.shares": 1024 * _PROCESSES_WORTH}


def create_node_group() -> None:
    """Create the sandbox's group in every hierarchy; one that is there already is used."""
    if _unified():
        supported = set((_MOUNT_POINT / "cgroup.controllers").read_text().split())
        # The kubelet wants every controller that it knows and the root has, huge pages included.
        wanted = sorted(supported & {*_REQUIRED_VERSION_2, "hugetlb"})
        control = " ".join(f"+{name}" for name in wanted)
        (_MOUNT_POINT / "cgroup.subtree_control").write_text(control)
        (_MOUNT_POINT / node_group()).mkdir(exist_ok=True)
        _set_weight(_MOUNT_POINT / node_group())
        return
    for hierarchy in _hierarchies():
        group = hierarchy / node_group()
        group.mkdir(exist_ok=True)
        for setting in ("cpuset.cpus", "cpuset.mems"):
            # A new group of this controller has no processor and no memory node, and takes no process so.
            if (group / setting).exists() and not (group / setting).read_text().strip():
                (group / setting).write_text((hierarchy / setting).read_text())
        _set_weight(group)


def _set_weight(group: Path) -> None:
    for file, weight in _WEIGHTS.items():
        if (group / file).exists():
            (group / file).write_text(str(weight))


def kill_members() -> None:
    """Kill whatever runs in the sandbox's group, which is what its pods are made of.

    Raises SandboxError when something survives that for ten seconds.
    """

    def none_left() -> bool:
        members = _members()
        for pid in members:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        return not members

    def left() -> str:
        return f"still there are the processes {sorted(_members())}"

    wait_until("the sandbox's pods end", 10, none_left, on_timeout=left)


def remove_node_group() -> None:
    """Remove the sandbox's group and all below it; nothing may run in it any more.

    Raises SandboxError when the kernel still counts a member after ten seconds.
    """

    def removed() -> bool:
        try:
            for group in _node_groups():
                # Deepest first: a group goes only when it has no children.
                for directory, _, _ in os.walk(group, topdown=False):
                    Path(directory).rmdir()
        except OSError as error:
            # A killed process is a member until its parent has taken notice of its end.
            if error.errno != errno.EBUSY:
                raise
            return False
        return True

    wait_until("the control groups of the sandbox's pods are empty", 10, removed)


def _unified() -> bool:
    return (_MOUNT_POINT / "cgroup.controllers").exists()


def _hierarchies() -> list[Path]:
    """Mount points of the version 1 hierarchies."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    return [Path(mount[1]) for mount in mounts if mount[2] == "cgroup"]


def _node_groups() -> list[Path]:
    # On a machine with version 1, runc also makes groups below the version 2 hierarchy mounted at "unified".
    candidates = [_MOUNT_POINT, *_hierarchies(), _MOUNT_POINT / "unified"]
    return [group for hierarchy in candidates if (group := hierarchy / node_group()).is_dir()]


def _members() -> set[int]:
    members: set[int] = set()
    for group in _node_groups():
        for directory, _, _ in os.walk(group):
            try:
                members.update(int(pid) for pid in (Path(directory) / "cgroup.procs").read_text().split())
            except OSError:
                continue  # the group went while it was looked at
    return members
