"""Tells whether an initialised Vault has lost its volumes, so that its pods are blank.

No setting and no pod differs from what the state records then, so that nothing else would tell. The init is
never run a second time.
"""

import json
from collections.abc import Mapping
from typing import Any

from components.rollout.pods import ask_pods
from components.vault.pod_access import PodAccess
from components.vault.stateful_set import servers_among

_COMMAND = ".venv/bin/python -m components"


def lost_volumes(access: PodAccess) -> str | None:
    """Return what is lost, and the command that brings it back; None if most pods serve or may have data.

    For a Vault that is known to be initialised. Its pods are asked only if Kubernetes counts most of them as
    not ready, which a blank one always is. Raises :class:`DeploymentError` if that can't be seen.
    """
    stateful_set = access.kubectl.get("statefulset", access.statefulset)
    if stateful_set is None or _mostly_ready(stateful_set):
        return None
    replicas = int(stateful_set["spec"]["replicas"])
    objects = json.loads(access.kubectl.run(["get", "pod", "--output=json"]))["items"]
    servers = servers_among(access, objects, settled=False)
    pods = ask_pods(access, [server for server in servers if server.ordinal < replicas])
    blank = [pod.name for pod in pods if pod.blank]
    # With a leader the blank ones are about to join it.
    if len(blank) < _majority(replicas) or any(pod.leads for pod in pods):
        return None
    if len(blank) == replicas:
        copy = ", or in mode standalone a copy of the volume" if replicas == 1 else ""
        return (
            f"All of Vault's data is lost. {', '.join(blank)} answered that nothing is on their "
            "volumes, and serve nobody. This stack has initialised its Vault already, and pulumi up never "
            f"does so again. Restore a snapshot{copy}: {_COMMAND} restore FILE "
            "(docs/snapshots.md#all-volumes-are-lost)"
        )
    return (
        f"A majority of Vault's data is lost. {', '.join(blank)} answered that nothing is on their "
        "volumes, no pod leads, and pulumi up doesn't change that. See what is left, and go on with it: "
        f"{_COMMAND} recover-quorum (docs/snapshots.md#a-majority-is-lost)"
    )


def _majority(replicas: int) -> int:
    return replicas // 2 + 1


def _mostly_ready(stateful_set: Mapping[str, Any]) -> bool:
    ready = int((stateful_set.get("status") or {}).get("readyReplicas") or 0)
    return ready >= _majority(int(stateful_set["spec"]["replicas"]))
