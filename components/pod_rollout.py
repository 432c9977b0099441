"""Replaces Vault's pods after a change of the release, so that `pulumi up` ends with all of them on it.

The StatefulSet's own update strategy is OnDelete: Kubernetes can't tell the leader from the standbys, nor a
pod that runs from one that serves (docs/decisions/0016-pods-are-replaced-by-pulumi-up.md).
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.dynamic import CheckFailure, CheckResult, CreateResult, DiffResult, UpdateResult

from components.awaits_release import awaits_release
from components.chart.default_values import packaged_version
from components.custody.key_custody import KeyCustody, reading_token
from components.errors import DeploymentError, RetryableError
from components.progress import say
from components.resource_types import CRON_JOB
from components.stable_provider import StableProvider, StableResource, is_known_text
from components.stack_state import recorded_outputs_of
from components.vault.pod_access import PodAccess, pods_identity

if TYPE_CHECKING:
    # The provider host loads this module, and has no use for what the program alone needs.
    from components.operator_init import OperatorInit
    from components.rollout.plan import WantedPods
    from components.settings import ChartSettings, Settings
    from components.vault.stateful_set import Server
    from components.vault_release import VaultRelease

INPUTS = (
    "access",
    "replicas",
    "left_to",
    "image",
    "configuration",
    "chart",
    "pod_settings",
    "release_revision",
)
OUTPUTS = ("running",)

_OF_INIT = ("deployment", "key_shares", "threshold")
"""Inputs that are outputs of the init and count in a preview."""
_LEFT: Mapping[str, tuple[str, str]] = {
    "people": (
        "upgrade.roll is false",
        "Delete these pods yourself, one by one, the leader last "
        "(docs/operations.md#upgrade-vault-or-change-its-pods)",
    ),
    "migration": (
        "the seal is being migrated",
        "Leave them to python -m components migrate-seal, which restarts them (docs/seal-migration.md)",
    ),
}
"""Why pods are left as they are, and what becomes of them, by who replaces them."""
_BEHIND = "not yet "
"""What the output begins with while pods are behind."""


@awaits_release(pods_identity, running="")
class PodRolloutProvider(StableProvider):
    """Replaces outdated pods at creation and whenever the release has changed."""

    inputs = INPUTS

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Say which pods will be replaced, in which order and why; refuse it if the stack can't unseal them.

        While the init is still to come, there is nothing to replace.
        """
        problem = None
        known = {**news, **_known_of_init(_olds, news)}
        if is_known_text(known["deployment"]) and any(_olds.get(name) != news[name] for name in INPUTS):
            problem = _announced(_olds, known)
        return CheckResult(news, [CheckFailure("left_to", problem)] if problem else [])

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Return a change also if pods that were behind aren't any more; say which are, if some still are."""
        difference = super().diff(_id, _olds, _news)
        if not difference.changes and str(_olds.get("running")).startswith(_BEHIND):
            outdated = _outdated(_news)
            difference.changes = outdated == []
            if outdated:
                _say_left(_news, outdated)
        return difference

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Replace every outdated pod; raise :class:`DeploymentError` at one that doesn't come up."""
        return CreateResult(pods_identity(props), self._rolled(props))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Replace every outdated pod, as at creation."""
        return UpdateResult(self._rolled(_news))

    def _rolled(self, props: dict[str, Any]) -> dict[str, Any]:
        # Imported where pods are looked at: most runs of this provider compare its inputs, and no more.
        from components.rollout.steps import PodReplacement, RolloutInputs

        access, replicas = PodAccess.from_properties(props["access"]), int(props["replicas"])
        if not props["left_to"]:
            PodReplacement(
                RolloutInputs(
                    access=access,
                    replicas=replicas,
                    wanted=_wanted(props),
                    pod_seconds=float(props["pod_seconds"]),
                    token=reading_token(props, access.target),
                    key_shares=_key_shares(props, access),
                    take_snapshot=(
                        partial(_take_snapshot, props["snapshot_job"], access, str(props["image"]))
                        if props["snapshot_job"]
                        else None
                    ),
                )
            ).run()
        outdated = _outdated(props)
        if outdated:
            _say_left(props, outdated)
        running = _number(props["release_revision"]) if outdated == [] else _behind(outdated)
        return {**self.input_values(props), "running": running}


def _known_of_init(olds: Mapping[str, Any], news: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what the init gave to the last update, if this one changes its resource as well.

    A preview of that doesn't know any output of it, none of which such an update changes but for the shares.
    """
    if is_known_text(news["deployment"]):
        return {}
    return {name: olds[name] for name in _OF_INIT if name in olds}


def _outdated(props: Mapping[str, Any]) -> Sequence[str] | None:
    """Return the names of the pods that have settings from before; None, and say why, if it can't be seen."""
    # As in _rolled.
    from components.rollout.steps import await_taken_over

    access = PodAccess.from_properties(props["access"])
    try:
        servers = await_taken_over(access, int(props["replicas"]))
    except RetryableError as error:
        say(f"Whether all of Vault's pods run with the settings of the release can't be seen: {error}")
        return None
    for server in servers:
        if not server.outdated and server.pod_uid and server.origin.image != props["image"]:
            say(f"{server.name} has the image {server.origin.image}, and the settings say {props['image']}")
    return [server.name for server in servers if server.outdated]


def _behind(outdated: Sequence[str] | None) -> str:
    return _BEHIND + (", ".join(outdated) if outdated is not None else "seen")


def _say_left(props: Mapping[str, Any], outdated: Sequence[str]) -> None:
    # A run that replaced pods ends with all of them replaced, unless the settings have changed again.
    why, what = _LEFT.get(str(props["left_to"]), ("the release has changed again", "Run pulumi up again"))
    say(f"{', '.join(outdated)} still run with settings from before this update, as {why}. {what}.")


def _number(revision: Any) -> str:
    """Return a release's revision as text; Helm's count arrives as a floating-point number."""
    return f"{revision:g}" if isinstance(revision, float) else str(revision)


def _take_snapshot(job: Mapping[str, Any], access: PodAccess, image: str) -> None:
    """Take a snapshot as the schedule does, with its job of before this update."""
    # As in _rolled.
    from components.snapshots.before_upgrade import take_snapshot_before

    take_snapshot_before(
        access.kubectl,
        cron_job=str(job["name"]),
        made=bool(job["made"]),
        image=image,
        start_seconds=float(job["start_seconds"]),
    )


def _say_snapshot(news: Mapping[str, Any], access: PodAccess) -> None:
    """Say whether a snapshot is taken before another version, or that a person is to take it."""
    # As in _rolled.
    from components.snapshots.before_upgrade import say_before

    job = news["snapshot_job"]
    if job:
        made = bool(job["made"])
        say_before(access.target, cron_job=str(job["name"]), made=made, by_people=bool(news["left_to"]))


def _wanted(props: Mapping[str, Any]) -> "WantedPods":
    from components.rollout.plan import WantedPods

    return WantedPods(
        image=str(props["image"]),
        configuration=props["configuration"] if is_known_text(props["configuration"]) else "",
        chart=str(props["chart"]),
    )


def _key_shares(props: Mapping[str, Any], access: PodAccess) -> Sequence[str]:
    """Return as many shares as unseal a pod; none with a seal that unseals by itself."""
    if props["unseals_itself"]:
        return ()
    custody = KeyCustody.from_properties(props["custody"], access.target, str(props["deployment"]))
    record = custody.find()
    shares = record.key_shares if record is not None else props["key_shares"]
    threshold = record.threshold if record is not None else int(props["threshold"])
    if not shares:
        raise DeploymentError(
            "The stack doesn't have this Vault's key shares, and so can't unseal the pods that it would "
            "replace. Nothing was replaced. Set upgrade.roll to false, and delete and unseal the pods one by "
            "one (docs/operations.md#upgrade-vault-or-change-its-pods)."
        )
    return list(shares)[:threshold]


def _announced(olds: Mapping[str, Any], news: Mapping[str, Any]) -> str | None:
    """Say what will become of the pods; return why that can't be."""
    # As in _rolled.
    from components.rollout.plan import described, disagreement, replacement_order
    from components.rollout.pods import ask_pods, expected_servers

    access = PodAccess.from_properties(news["access"])
    try:
        servers = [server for server in expected_servers(access, int(news["replicas"])) if server.pod_uid]
        reasons = _reasons(olds, news, servers)
        if not reasons:
            return None
        pods = ask_pods(access, servers)
    except RetryableError as error:
        say(f"Which of Vault's pods will be replaced can't be seen: {error}")
        return None
    order = described(replacement_order([pod for pod in pods if pod.name in reasons]), reasons)
    wanted = _wanted(news)
    leaves = any(pod.leads and wanted.gives_another_version(pod.server.origin) for pod in pods)
    if news["left_to"]:
        why, what = _LEFT[str(news["left_to"])]
        say(f"Vault's pods that won't run with the new settings, as {why}: {order}. {what}.")
        if leaves and news["left_to"] == "people":
            _say_snapshot(news, access)
        return None
    one_by_one = "one by one, each once all others serve"
    if int(news["replicas"]) == 1:
        one_by_one = "so that Vault serves nobody until it is back"
    say(f"Pods of Vault that will be replaced, {one_by_one}: {order}")
    if leaves:
        _say_snapshot(news, access)
    try:
        _key_shares(news, access)
    except DeploymentError as error:
        return str(error)
    # A run that was stopped may have left a pod that is still starting; the run itself waits for that one.
    if not _changes_release(news):
        return None
    for pod in pods:
        # One that is ready may only be out of reach of this machine.
        if pod.server.ready:
            continue
        if pod.name not in reasons:
            return f"{pod.name} isn't ready ({pod.problem}), so no other pod can be replaced; fix it first"
        say(f"{pod.name} isn't ready ({pod.problem}), so it is the first one")
    if problem := disagreement(pods):
        say(f"Vault's pods aren't one healthy cluster now, and the update waits until they are: {problem}")
    return None


def _changes_release(news: Mapping[str, Any]) -> bool:
    """Return whether this is the preview of a change of the release, whose revision only that tells."""
    return not isinstance(news["release_revision"], int | float | str)


def _reasons(
    olds: Mapping[str, Any], news: Mapping[str, Any], servers: Sequence["Server"]
) -> Mapping[str, Sequence[str]]:
    """Return why each pod will be outdated that will be, by its name.

    Once the release is changed, the StatefulSet's controller tells. Before that, what pods are made from is
    compared with the settings.
    """
    from components.rollout.plan import OTHER_REASON

    wanted, changes = _wanted(news), _changes_release(news)
    others = changes and bool(olds) and olds.get("pod_settings") != news["pod_settings"]
    reasons = {}
    for server in servers:
        found = wanted.reasons(server.origin) if changes or server.outdated else ()
        if found or others or server.outdated:
            reasons[server.name] = found or [OTHER_REASON]
    return reasons


def _people(settings: "Settings") -> str:
    return "" if settings.upgrade.roll else "people"


def _snapshot_job(settings: "Settings", release: "VaultRelease") -> Mapping[str, Any]:
    """Return the job that takes a snapshot before another version; empty without one."""
    # As in _rolled; the program has it already.
    from components.snapshots.job import job_name

    if settings.snapshots is None or not settings.upgrade.snapshot:
        return {}
    return {
        "name": job_name(release.fullname),
        # One that the state has and the cluster hasn't was deleted by somebody.
        "made": bool(recorded_outputs_of(CRON_JOB)[CRON_JOB]),
        "start_seconds": settings.deadlines.pod_start_seconds,
    }


def _chart_version(chart: "ChartSettings") -> str:
    """Return the chart's version as its label `helm.sh/chart` has it (`vault.chart` in `_helpers.tpl`)."""
    version = packaged_version(chart.path) if chart.path is not None else str(chart.version)
    return version.replace("+", "_")


class PodRollout(StableResource, module="vault", name="PodRollout"):
    """Pods of Vault that all run with the settings of the release."""

    running: pulumi.Output[str]
    """Revision of the release that every pod runs, or the pods that don't."""

    def __init__(
        self,
        name: str,
        *,
        settings: "Settings",
        release: "VaultRelease",
        init: "OperatorInit",
        opts: pulumi.ResourceOptions,
    ) -> None:
        properties: dict[str, Any] = {
            "access": release.access.to_properties(),
            "replicas": settings.replicas,
            # A seal is migrated by restarting pods in an order of its own, with the command for that.
            "left_to": "migration" if settings.migrate_from is not None else _people(settings),
            "image": settings.image.name,
            "configuration": release.configuration_checksum,
            "chart": _chart_version(settings.chart),
            "pod_settings": release.pod_settings,
            "release_revision": release.revision,
            # What follows isn't compared: it matters only while pods are replaced.
            "pod_seconds": settings.upgrade.pod_seconds,
            "deployment": init.deployment,
            "token": settings.token if settings.token is not None else init.root_token,
            "custody": settings.custody.to_properties(),
            "unseals_itself": settings.seal.unseals_itself,
            "key_shares": pulumi.Output.secret(init.key_shares),
            "threshold": init.threshold,
            "snapshot_job": _snapshot_job(settings, release),
            **release.awaiting,
            **dict.fromkeys(OUTPUTS),
        }
        super().__init__(
            PodRolloutProvider(),
            name,
            properties,
            opts,
            # They are made from everything that `chart.values` and `extraConfig` have, secrets among it.
            secret_outputs=["configuration", "pod_settings"],
        )
