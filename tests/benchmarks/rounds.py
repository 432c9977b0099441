"""One round: everything that is measured, once, on the program and on its floor.

Program and floor take turns within the round, so that a machine that gets slower or faster meanwhile
does so for both.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.cluster.api_client import KubernetesApi
from sandbox.stack import SandboxStack
from tests.benchmarks.bare_minimum import BareMinimum
from tests.benchmarks.disturbances import LeaderKill, delete_all_pods, kill_leader
from tests.benchmarks.helm_release import HelmRelease
from tests.benchmarks.vault_cluster import Release, VaultCluster

# The namespace and, by --target-dependents, what lies in it or was verified of it; AWS's parts stay.
_NAMESPACE = "**::kubernetes:core/v1:Namespace::*"

# An election takes a random time, so one a round tells little. The second leader is another pod than the
# first; a container that ends a second time would be kept waiting by the kubelet for 10 s.
_KILLS = 2


@dataclass(frozen=True)
class Deployment:
    """A Vault that was just deployed, and what became of it."""

    seconds: float
    """From the start of the command until three voters were healthy."""
    kills: Sequence[LeaderKill]
    rewrite_seconds: float
    """From the deletion of all pods until a write succeeded."""


@dataclass(frozen=True)
class Round:
    """The measurements of one round; seconds."""

    engine_start: float
    """`pulumi up` of the empty program from an empty state."""
    preview: float
    """`pulumi preview` of the program, without changes."""
    empty_preview: float
    """The same of the empty program."""
    program: Deployment
    floor: Deployment


@dataclass(frozen=True)
class Contestants:
    """What is measured, and what it is measured with."""

    program: SandboxStack
    empty: SandboxStack
    api: KubernetesApi
    chart: Sequence[str]
    """The chart as arguments of helm."""

    def round(self) -> Round:
        """Measures everything once, and leaves the cluster and AWS as empty as they were.

        Raises :class:`SandboxError` where something fails.
        """
        engine_start = timed_pulumi(self.empty, "up", "--yes", "--skip-preview")
        seconds = timed_pulumi(self.program, "up", "--yes", "--skip-preview")
        cluster = deployed_cluster(self.program, self.api)
        cluster.await_healthy()
        preview = timed_pulumi(self.program, "preview", "--expect-no-changes")
        empty_preview = timed_pulumi(self.empty, "preview", "--expect-no-changes")
        program = _disturbed(seconds, cluster)
        helm = HelmRelease(self.program, cluster.release)
        bare_minimum = BareMinimum(self.api, helm, self.chart, helm.values())
        destroy = ("destroy", "--yes", "--skip-preview")
        self.program.pulumi(*destroy, "--target", _NAMESPACE, "--target-dependents", quiet=True)
        floor = _disturbed(*bare_minimum.deploy())
        bare_minimum.remove()
        for stack in (self.program, self.empty):
            stack.pulumi(*destroy, quiet=True)
        return Round(engine_start, preview, empty_preview, program, floor)


def _disturbed(seconds: float, cluster: VaultCluster) -> Deployment:
    cluster.prepare_writes()
    kills = [kill_leader(cluster) for _ in range(_KILLS)]
    return Deployment(seconds, kills, delete_all_pods(cluster))


def timed_pulumi(stack: SandboxStack, *arguments: str) -> float:
    """Seconds that a command of Pulumi takes; raises :class:`StackError` where it fails."""
    started = time.monotonic()
    stack.pulumi(*arguments, quiet=True)
    return time.monotonic() - started


def deployed_cluster(stack: SandboxStack, api: KubernetesApi) -> VaultCluster:
    """The Vault that the program has deployed, by the outputs of its stack."""
    answer = stack.pulumi("stack", "output", "--json", "--show-secrets", quiet=True)
    outputs: dict[str, Any] = json.loads(answer)
    release = Release(
        namespace=outputs["namespace"],
        name=outputs["release_name"],
        statefulset=outputs["pod_access"]["statefulset"],
        replicas=int(outputs["replicas"]),
    )
    return VaultCluster(api, release, outputs["root_token"])
