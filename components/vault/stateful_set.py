"""Observes the pods and data claims of Vault's StatefulSet, and asks each pod whether it is initialised.

Kubernetes is asked, not the number of replicas: a claim outlives its pod, and so does the Vault on it.
"""

import json
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from components.errors import RetryableError
from components.kubernetes.kubectl import KubectlError
from components.kubernetes.pod_removal import remove_pod
from components.vault.answers import SealStatus
from components.vault.client import VaultRefusedError, VaultUnavailableError
from components.vault.pod_access import PodAccess, PodUnreachableError
from components.vault.running_configuration import CONFIGURATION_ANNOTATION

REVISION_LABEL = "controller-revision-hash"
"""Label by which the StatefulSet's controller tells pods of an older template."""

# The chart's name of the data volume, with which the names of its claims begin.
_VOLUME = "data"
_CONTAINER = "vault"
_CHART_LABEL = "helm.sh/chart"


class StatefulSetError(RetryableError):
    """The StatefulSet can't be observed yet, or its controller is still busy with a change of it."""


@dataclass(frozen=True)
class PodOrigin:
    """The origin of a pod; each field is empty if the pod doesn't tell."""

    image: str = ""
    """Image of Vault's container, with its tag."""
    configuration: str = ""
    """Checksum of Vault's configuration."""
    chart: str = ""
    """Name and version of the chart, such as ``vault-0.29.1``."""


@dataclass(frozen=True)
class Server:
    """One pod of the StatefulSet, or the claim that a pod has left."""

    ordinal: int
    name: str
    pod_uid: str
    """Empty if there is no such pod."""
    outdated: bool
    """Whether the StatefulSet created the pod, from an older template than it has now."""
    created: datetime | None
    """Creation of the pod; None if there is none."""
    terminating: bool
    claim: str
    """Name of the claim of its data volume; empty if it has none."""
    data_since: datetime | None
    """Creation of its claim, or of the pod if there is none: nothing on it is older. None if it has no volume
    yet, so that nothing can be on it."""
    ready: bool = False
    """Whether Kubernetes counts the pod as ready, so that Services lead to it."""
    running: bool = False
    """Whether Vault's container runs."""
    origin: PodOrigin = field(default_factory=PodOrigin)

    @staticmethod
    def absent(access: PodAccess, ordinal: int) -> "Server":
        """Return the server of an ordinal that has no pod."""
        return Server(
            ordinal=ordinal,
            name=access.pod(ordinal),
            pod_uid="",
            outdated=False,
            created=None,
            terminating=False,
            claim="",
            data_since=None,
        )


@dataclass(frozen=True)
class ObservedServer:
    """A server, and what its Vault has answered."""

    server: Server
    status: SealStatus | None
    """None if it can't be asked."""
    problem: str
    """Why it can't be asked; empty if it has answered."""

    @property
    def initialized(self) -> bool:
        """Whether it has answered that it is initialised."""
        return self.status is not None and self.status.initialized

    @property
    def uninitialized(self) -> bool:
        """Whether it has answered that it isn't initialised."""
        return self.status is not None and not self.status.initialized


def find_servers(access: PodAccess) -> Sequence[Server]:
    """Return every pod and data claim of the StatefulSet, in the order of their ordinals; none without it.

    Raises :class:`StatefulSetError`, also if it is gone and has left any.
    """
    return _found(access, "statefulset,pod,pvc")


def find_pods(access: PodAccess) -> Sequence[Server]:
    """Return every pod of the StatefulSet likewise, without its claim."""
    return _found(access, "statefulset,pod")


def _found(access: PodAccess, kinds: str) -> Sequence[Server]:
    try:
        text = access.kubectl.run(["get", kinds, "--output=json"])
    except KubectlError as error:
        what = "pods and volumes" if "pvc" in kinds else "pods"
        raise StatefulSetError(f"the {what} of {access.statefulset} can't be listed: {error}") from None
    return servers_among(access, json.loads(text)["items"])


def servers_among(
    access: PodAccess, objects: Sequence[Mapping[str, Any]], *, settled: bool = True
) -> Sequence[Server]:
    """Return the servers of the StatefulSet among these objects of its namespace; none without it.

    If Kubernetes hasn't taken over the last change of the StatefulSet, or it is gone and has left any, which
    pods are outdated isn't known: raises :class:`StatefulSetError` then, or returns none of them as outdated
    if ``settled`` is False.
    """
    own = {(item["kind"], item["metadata"]["name"]): item for item in objects}
    name = re.compile(rf"(?:{_VOLUME}-)?{re.escape(access.statefulset)}-(\d+)")
    ordinals = {int(found[1]) for _, full in own if (found := name.fullmatch(full))}
    present = [
        ordinal
        for ordinal in sorted(ordinals)
        if ("Pod", access.pod(ordinal)) in own or ("PersistentVolumeClaim", _claim(access, ordinal)) in own
    ]
    if not present:
        return []
    update_revision = _update_revision(own.get(("StatefulSet", access.statefulset))) if settled else None
    return [_server(access, ordinal, own, update_revision) for ordinal in present]


def ask_servers(access: PodAccess, servers: Sequence[Server]) -> Sequence[ObservedServer]:
    """Return what each server's Vault answers, each asked through its own pod."""
    with ThreadPoolExecutor(max_workers=max(1, len(servers))) as pool:
        return list(pool.map(lambda server: _asked(access, server), servers))


def delete_pod(access: PodAccess, server: Server) -> None:
    """Delete the server's pod, and no other one that has its name by now; its volume stays.

    Raises :class:`KubectlError`.
    """
    remove_pod(access.kubectl, namespace=access.target.namespace, pod=server.name, uid=server.pod_uid)


def _claim(access: PodAccess, ordinal: int) -> str:
    return f"{_VOLUME}-{access.pod(ordinal)}"


def template_origin(stateful_set: Mapping[str, Any]) -> PodOrigin:
    """Return the origin of the pods that the StatefulSet makes now."""
    return _origin(stateful_set["spec"]["template"])


def _update_revision(stateful_set: Mapping[str, Any] | None) -> str:
    """Return the revision of the present template.

    Raises :class:`StatefulSetError` if the controller hasn't determined it yet.
    """
    if stateful_set is None:
        raise StatefulSetError("the StatefulSet is gone, and has left pods or volumes")
    status = stateful_set.get("status", {})
    revision = str(status.get("updateRevision") or "")
    seen = int(status.get("observedGeneration") or 0)
    if not revision or seen < int(stateful_set["metadata"].get("generation") or 0):
        raise StatefulSetError("Kubernetes hasn't taken over the last change of the StatefulSet yet")
    return revision


def _server(
    access: PodAccess,
    ordinal: int,
    own: Mapping[tuple[str, str], Mapping[str, Any]],
    update_revision: str | None,
) -> Server:
    pod = own.get(("Pod", access.pod(ordinal)))
    claim = own.get(("PersistentVolumeClaim", _claim(access, ordinal)))
    metadata: Mapping[str, Any] = pod["metadata"] if pod is not None else {}
    revision = (metadata.get("labels") or {}).get(REVISION_LABEL)
    return Server(
        ordinal=ordinal,
        name=access.pod(ordinal),
        pod_uid=str(metadata.get("uid", "")),
        outdated=None not in (revision, update_revision) and revision != update_revision,
        created=datetime.fromisoformat(metadata["creationTimestamp"]) if metadata else None,
        terminating="deletionTimestamp" in metadata,
        claim=str(claim["metadata"]["name"]) if claim is not None else "",
        data_since=_data_since(pod, claim),
        ready=pod is not None and _is_ready(pod),
        running=pod is not None and _is_running(pod),
        origin=_origin(pod) if pod is not None else PodOrigin(),
    )


def _is_ready(pod: Mapping[str, Any]) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(found.get("type") == "Ready" and found.get("status") == "True" for found in conditions)


def _is_running(pod: Mapping[str, Any]) -> bool:
    containers = (pod.get("status") or {}).get("containerStatuses") or ()
    return any(one["name"] == _CONTAINER and "running" in (one.get("state") or {}) for one in containers)


def _origin(pod: Mapping[str, Any]) -> PodOrigin:
    metadata = pod["metadata"]
    containers = (pod.get("spec") or {}).get("containers") or ()
    return PodOrigin(
        image=next((str(one.get("image", "")) for one in containers if one["name"] == _CONTAINER), ""),
        configuration=str((metadata.get("annotations") or {}).get(CONFIGURATION_ANNOTATION, "")),
        chart=str((metadata.get("labels") or {}).get(_CHART_LABEL, "")),
    )


def _data_since(pod: Mapping[str, Any] | None, claim: Mapping[str, Any] | None) -> datetime | None:
    if claim is not None and claim.get("status", {}).get("phase") == "Pending":
        return None
    holder = claim if claim is not None else pod
    return datetime.fromisoformat(holder["metadata"]["creationTimestamp"]) if holder is not None else None


def _asked(access: PodAccess, server: Server) -> ObservedServer:
    if not server.pod_uid:
        return ObservedServer(server, None, "there is no such pod")
    try:
        with access.reach(server.ordinal) as client:
            return ObservedServer(server, client.seal_status(), "")
    except (PodUnreachableError, VaultUnavailableError, VaultRefusedError) as error:
        return ObservedServer(server, None, str(error))
