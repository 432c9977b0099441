"""Decides which pod is replaced next, and what has to be waited for before that.

Source of the order: Vault's document "Upgrade Vault HA clusters" (standbys first, the leader last by ending
it, never a hand-over from a newer server to an older one). A server is never removed from raft for that: it
would come back as none of its voters.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from components.errors import RetryableError
from components.rollout.pods import RolloutPod
from components.vault.servers import require_one_cluster, require_one_leader
from components.vault.stateful_set import PodOrigin, Server


@dataclass(frozen=True)
class ObservedPods:
    """Vault's pods at one moment."""

    pods: Sequence[RolloutPod]
    ill: Set[str]
    """Names of outdated pods that have been broken for a while."""

    @property
    def next(self) -> RolloutPod | None:
        """The outdated pod that is replaced next; None if there is none.

        One that is ill comes first, as that takes nobody's server away, and of those a dead one; the leader
        comes last.
        """
        outdated = [pod for pod in self.pods if pod.server.outdated and not pod.server.terminating]
        return min(
            outdated,
            key=lambda pod: (pod.leads, pod.name not in self.ill, not pod.dead, -pod.server.ordinal),
            default=None,
        )

    @property
    def leader(self) -> RolloutPod | None:
        """The pod that leads; None if none says so."""
        return next((pod for pod in self.pods if pod.leads), None)

    @property
    def obstacle(self) -> str:
        """Why the next pod can't be replaced yet, or the change isn't over; empty if nothing hinders it."""
        for pod in self.pods:
            if problem := server_obstacle(pod.server):
                return problem
        following = self.next
        if following is not None and following.name in self.ill:
            # Without a leader no pod serves, and yet what broke them may be fixed one by one.
            sealed = (pod for pod in self.pods if not pod.server.outdated and not pod.unsealed)
            return next((f"{pod.name}: {pod.problem}" for pod in sealed), "")
        for pod in self.pods:
            if not pod.serves:
                return f"{pod.name}: {pod.problem}"
        return disagreement(self.pods) or ""


def disagreement(pods: Sequence[RolloutPod]) -> str | None:
    """Return why the pods that serve aren't one cluster with one leader; None if they are."""
    serving = [pod for pod in pods if pod.serves]
    if len(serving) < 2:
        return None
    try:
        require_one_cluster({pod.name: pod.status for pod in serving if pod.status is not None})
        require_one_leader({pod.name: pod.leader for pod in serving if pod.leader is not None})
    except RetryableError as error:
        return str(error)
    return None


def server_obstacle(server: Server) -> str:
    """Return what Kubernetes still has to do about a server before Vault need be asked; empty if nothing."""
    if not server.pod_uid:
        return f"{server.name} isn't created yet"
    if server.terminating:
        return f"{server.name} is being deleted"
    if not server.outdated and not server.ready:
        return f"{server.name} isn't ready yet"
    return ""


@dataclass(frozen=True)
class WantedPods:
    """The origin of the pods that the settings want; each field is empty if it isn't known."""

    image: str
    """Image of Vault's container, with its tag."""
    configuration: str
    """Checksum of Vault's configuration."""
    chart: str
    """Version of the chart, as its label has it."""

    def gives_another_version(self, origin: PodOrigin) -> bool:
        """Return whether the image has another tag or digest, after which only a snapshot leads back.

        The repository doesn't count: a webhook may put a mirror in its place.
        """
        return bool(self.image) and _version(self.image) != _version(origin.image)

    def reasons(self, origin: PodOrigin) -> Sequence[str]:
        """Return in which of these a pod differs that was made from ``origin``."""
        found = []
        if self.image and self.image != origin.image:
            old, new = _distinguished(origin.image, self.image)
            found.append(f"image {old} -> {new}")
        if self.configuration and self.configuration != origin.configuration:
            found.append("Vault's configuration")
        # A chart of one's own may have another name.
        if self.chart and not origin.chart.endswith(f"-{self.chart}"):
            found.append(f"chart {origin.chart.partition('-')[2] or 'unknown'} -> {self.chart}")
        return found


OTHER_REASON = "other settings of the pods"


def described(order: Sequence[RolloutPod], reasons: Mapping[str, Sequence[str]]) -> str:
    """Return the order of the pods in words, with why each is replaced by its name."""
    texts = [", ".join(reasons[pod.name]) for pod in order]
    names = [f"the leader {pod.name}" if pod.leads and len(order) > 1 else pod.name for pod in order]
    if len(set(texts)) > 1:
        names = [f"{name} ({text})" for name, text in zip(names, texts, strict=True)]
    listed = f"{', '.join(names[:-1])}, then {names[-1]}" if len(names) > 1 else names[0]
    return listed if len(set(texts)) > 1 else f"{listed} ({texts[0]})"


def replacement_order(pods: Sequence[RolloutPod]) -> Sequence[RolloutPod]:
    """Return pods in the order in which they are replaced if the leader stays the same."""
    return sorted(pods, key=lambda pod: (pod.leads, not pod.broken, not pod.dead, -pod.server.ordinal))


def _version(image: str) -> str:
    return image.rpartition(":")[2]


def _distinguished(old: str, new: str) -> tuple[str, str]:
    """Return the tags of two images, or the whole images if their repositories differ."""
    old_repository, _, old_tag = old.rpartition(":")
    new_repository, _, new_tag = new.rpartition(":")
    return (old_tag, new_tag) if old_repository == new_repository else (old or "unknown", new)
