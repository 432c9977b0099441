"""One round: everything that is measured, once, on the program and on its floor.

Program and floor take turns within the round, so that a machine that gets slower or faster meanwhile
does so for both.
"""

import json
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from sandbox.cluster.api_client import KubernetesApi
from sandbox.plugins.aws.kms import PROPAGATION_SECONDS
from sandbox.stack import SandboxStack
from tests.benchmarks.bare_minimum import BareMinimum, mounted_secrets
from tests.benchmarks.disturbances import (
    LeaderKill,
    Roll,
    delete_all_pods,
    freeze_leader,
    kill_leader,
    roll,
)
from tests.benchmarks.helm_release import HelmRelease
from tests.benchmarks.kept_for_years import KeptForYears
from tests.benchmarks.vault_cluster import Release, VaultCluster
from tests.benchmarks.vault_http import Tls

# The namespace and, by --target-dependents, what lies in it or was verified of it; AWS's parts stay.
_NAMESPACE = "**::kubernetes:core/v1:Namespace::*"

# An election takes a random time, so one a round tells little. The second leader is another pod than the
# first; a container that ends a second time would be kept waiting by the kubelet for 10 s.
_KILLS = 2

SLOW_KEY_SECONDS = 10.0
"""How long AWS and its real provider take until a new key and its settings are seen: 8 to 12 s, measured."""

PREVIEWS_A_RUN = 3
"""A preview takes seconds and its time varies by as much as is looked for, so it is measured more often."""

_CHANGED = "podLabels.benchmark"
"""Setting by which all pods are outdated."""
_UP = ("up", "--yes", "--skip-preview")
_DESTROY = ("destroy", "--yes", "--skip-preview")


@dataclass(frozen=True)
class Deployment:
    """A Vault that was just deployed, and what became of it."""

    seconds: float
    """From the start of the command until three voters were healthy."""
    kills: Sequence[LeaderKill]
    frozen_seconds: float
    """From the stop of the leader's process until no write failed any more; it was still stopped then."""
    roll: Roll
    """A change of all pods, by `pulumi up` or by hand."""
    rewrite_seconds: float
    """From the deletion of all pods until a write succeeded."""


@dataclass(frozen=True)
class PreviewRound:
    """`pulumi preview` without changes, of the program and of the floor program; seconds."""

    program: float
    floor: float


@dataclass(frozen=True)
class UpdateRound:
    """Everything from `pulumi up` on, on the program and on its floor; seconds."""

    engine_start: float
    """`pulumi up` of the floor program from an empty state."""
    program: Deployment
    floor: Deployment
    slow_key: float
    """`pulumi up` of the program, if the provider takes :data:`SLOW_KEY_SECONDS` to create the key."""
    everything: float
    """`pulumi up` of the program with all that it does to keep a Vault for years."""
    everything_floor: float
    """The bare minimum with the values of that release, its certificate, auditing and one snapshot."""


@dataclass(frozen=True)
class Contestants:
    """What is measured, and what it is measured with."""

    program: SandboxStack
    empty: SandboxStack
    """The floor program's stack."""
    api: KubernetesApi
    chart: Sequence[str]
    """The chart as arguments of helm."""
    settings: Mapping[str, object]
    """The stack's, for all rows but one."""
    everything: Mapping[str, object]
    """Those with all that the program does to keep a Vault for years."""

    def previews(self, runs: int) -> Sequence[PreviewRound]:
        """Measure the previews of a stack that is deployed for it, and destroy it afterwards.

        Raises :class:`SandboxError` if something fails.
        """
        stacks = (self.program, self.empty)
        for stack in stacks:
            stack.pulumi(*_UP, quiet=True)
        deployed_cluster(self.program, self.api).await_healthy()
        rounds = []
        for _ in range(runs):
            program, floor = (timed_pulumi(stack, "preview", "--expect-no-changes") for stack in stacks)
            rounds.append(PreviewRound(program, floor))
        for stack in stacks:
            stack.pulumi(*_DESTROY, quiet=True)
        return rounds

    def update(self) -> UpdateRound:
        """Measure everything from `pulumi up` on once, and leave cluster and AWS as empty as they were.

        Raises :class:`SandboxError` if something fails.
        """
        engine_start = timed_pulumi(self.empty, *_UP)
        self.empty.pulumi(*_DESTROY, quiet=True)
        slow = replace(
            self.program,
            cloud_environment={
                **self.program.cloud_environment,
                PROPAGATION_SECONDS: str(SLOW_KEY_SECONDS),
            },
        )
        slow_key = self._deployed(slow)[0]
        self.program.pulumi(*_DESTROY, quiet=True)
        seconds, cluster = self._deployed(self.program)
        program = _disturbed(seconds, cluster, self._change_pods)
        self.program.pulumi("config", "rm", "--path", _CHANGED, quiet=True)
        helm = HelmRelease(self.program, cluster.release)
        bare_minimum = BareMinimum(self.api, helm, self.chart, helm.values())
        self.program.pulumi(*_DESTROY, "--target", _NAMESPACE, "--target-dependents", quiet=True)
        seconds, cluster = bare_minimum.deploy()
        floor = _disturbed(seconds, cluster, partial(bare_minimum.replace_pods, cluster))
        bare_minimum.remove()
        self.program.pulumi(*_DESTROY, quiet=True)
        return UpdateRound(engine_start, program, floor, slow_key, *self._with_everything())

    def _with_everything(self) -> tuple[float, float]:
        self.program.configure(self.everything)
        seconds, cluster = self._deployed(self.program)
        helm = HelmRelease(self.program, cluster.release)
        values = helm.values()
        secrets = mounted_secrets(self.api, cluster.release.namespace, values)
        kept = KeptForYears.of(self.api, cluster)
        bare_minimum = BareMinimum(self.api, helm, self.chart, values, secrets, cluster.tls)
        self.program.pulumi(*_DESTROY, "--target", _NAMESPACE, "--target-dependents", quiet=True)
        floor, cluster = bare_minimum.deploy()
        started = time.monotonic()
        kept.make(self.api, cluster)
        floor += time.monotonic() - started
        bare_minimum.remove()
        self.program.pulumi(*_DESTROY, quiet=True)
        self.program.configure(self.settings)
        return seconds, floor

    def _change_pods(self) -> None:
        self.program.pulumi("config", "set", "--path", _CHANGED, "yes", quiet=True)
        self.program.pulumi(*_UP, quiet=True)

    def _deployed(self, stack: SandboxStack) -> tuple[float, VaultCluster]:
        seconds = timed_pulumi(stack, *_UP)
        cluster = deployed_cluster(stack, self.api)
        cluster.await_healthy()
        return seconds, cluster


def _disturbed(seconds: float, cluster: VaultCluster, change: Callable[[], None]) -> Deployment:
    cluster.prepare_writes()
    kills = [kill_leader(cluster) for _ in range(_KILLS)]
    frozen_seconds, rolled = freeze_leader(cluster), roll(cluster, change)
    return Deployment(seconds, kills, frozen_seconds, rolled, delete_all_pods(cluster))


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
    authority = outputs.get("tls_ca")
    tls = None
    if authority:
        tls = Tls(ssl.create_default_context(cadata=authority), outputs["pod_access"]["server_name"])
    return VaultCluster(api, release, outputs["root_token"], tls)
