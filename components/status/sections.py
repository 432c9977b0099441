"""Says of what was observed what it means, one section each, and what to do about it.

Each section is a pure function of :class:`Facts`. :data:`SECTIONS` has them in the order of the page.
"""

import shlex
from collections.abc import Callable, Iterator, Sequence

from components.rollout.plan import OTHER_REASON, WantedPods
from components.status.certificate import certificate_section
from components.status.facts import Facts, ObservedPod
from components.status.page import Line, Page, Section, State
from components.status.snapshots import snapshots_section
from components.vault.answers import RaftState
from components.vault.servers import MAX_TRAILING_ENTRIES

WITHOUT_TOKEN = "not known without a token (--with-token)"  # noqa: S105 - a sentence
_UP = "run pulumi up"


def page_of(facts: Facts) -> Page:
    """Return the page about these facts."""
    return Page(facts.stack.vault, facts.now, [section(facts) for section in SECTIONS])


def pods_section(facts: Facts) -> Section:
    """Say which pods serve, and of each other one why it doesn't."""
    lines = [_pod(facts, pod) for pod in facts.pods]
    if facts.unreachable:
        fix = "see that this machine reaches the cluster, and that its credentials are valid"
        lines.insert(
            0,
            Line(f"Kubernetes can't be asked: {facts.unreachable}", State.UNKNOWN, fix=f"{fix}; then again"),
        )
    elif facts.release is None:
        fix = f"{_UP}; with release: false install the chart where that is done (docs/gitops.md)"
        said = f"there is no StatefulSet {facts.stack.access.statefulset}"
        lines.insert(0, Line(said, State.ATTENTION, fix=fix))
    elif facts.release.replicas != facts.stack.replicas:
        said = (
            f"the StatefulSet has {_counted(facts.release.replicas, 'replica')}, and at the last update the "
            f"stack had {facts.stack.replicas}"
        )
        fix = f"{_UP} if the settings were changed; if somebody has scaled it, scale it back"
        command = _kubectl(
            facts,
            "scale",
            f"statefulset/{facts.stack.access.statefulset}",
            f"--replicas={facts.stack.replicas}",
        )
        lines.append(Line(said, State.ATTENTION, fix=fix, command=command))
    return Section("Pods", lines)


def _pod(facts: Facts, pod: ObservedPod) -> Line:
    if not pod.exists and facts.unreachable and pod.status is None:
        return Line(pod.problem or "not asked", State.UNKNOWN, pod.name)
    if not pod.exists and pod.status is None:
        fix = "see why its controller doesn't make it"
        command = _kubectl(facts, "describe", "statefulset", facts.stack.access.statefulset)
        return Line(pod.kubernetes or "there is no such pod", State.ATTENTION, pod.name, fix, command)
    if pod.server.terminating:
        return Line(
            "it is being deleted, and comes back", State.ATTENTION, pod.name, "wait for its successor"
        )
    if pod.kubernetes:
        command = _kubectl(facts, "describe", "pod", pod.name)
        fix = "see what hinders it, and docs/troubleshooting.md"
        return Line(f"it doesn't run: {pod.kubernetes}", State.ATTENTION, pod.name, fix, command)
    if pod.forbidden:
        fix = "have the rights granted that docs/operations.md names for monitoring"
        return Line(f"its Vault can't be asked: {pod.problem}", State.UNKNOWN, pod.name, fix)
    if pod.status is None:
        fix = "see what it logs; if it hangs, delete it, and its controller makes another on the same volume"
        command = _kubectl(facts, "logs", pod.name, "--container=vault", "--tail=30")
        return Line(f"its Vault doesn't answer: {pod.problem}", State.ATTENTION, pod.name, fix, command)
    if not pod.status.initialized:
        return _uninitialised(facts, pod)
    if pod.status.sealed:
        return _sealed(facts, pod)
    if pod.problem:
        return Line(
            f"it is unsealed and {pod.problem}",
            State.ATTENTION,
            pod.name,
            "if no pod leads, see their logs; if others do, see the network between the pods (port 8201)",
            _kubectl(facts, "logs", pod.name, "--container=vault", "--tail=30"),
        )
    role = "serves" if not facts.stack.highly_available else "leads" if pod.leads else "stands by"
    said = f"{role}, unsealed ({pod.status.seal_type}), Vault {pod.status.version}"
    if pod.exists and not pod.server.ready:
        fix = "wait for its next probe; if it stays so, see the probe's last words"
        command = _kubectl(facts, "describe", "pod", pod.name)
        return Line(f"{said}, not ready: no Service leads to it", State.ATTENTION, pod.name, fix, command)
    return Line(said, about=pod.name)


def _uninitialised(facts: Facts, pod: ObservedPod) -> Line:
    if any(other.status is not None and other.status.initialized for other in facts.pods):
        fix = "see why it doesn't reach the others, such as for a volume of an earlier Vault"
        command = _kubectl(facts, "logs", pod.name, "--container=vault", "--tail=30")
        return Line("it hasn't joined the others yet", State.ATTENTION, pod.name, fix, command)
    fix = (
        f"if it never was initialised, {_UP}; if it was, its volume is lost: don't initialise it, and see "
        "docs/operations.md"
    )
    return Line("it isn't initialised", State.ATTENTION, pod.name, fix)


def _sealed(facts: Facts, pod: ObservedPod) -> Line:
    said = "it is sealed"
    if facts.stack.migrate_from:
        return Line(said, State.ATTENTION, pod.name, *_MIGRATION)
    if not facts.stack.unseals_itself:
        progress = pod.status.progress if pod.status is not None else 0
        given = f", with {progress} of {facts.stack.threshold} shares given" if progress else ""
        fix = "unseal it with the stack's key shares, or have their holders do it"
        return Line(f"{said}{given}", State.ATTENTION, pod.name, fix, "python -m components unseal")
    fix = (
        "see in its log why it can't use the seal's key: the key's state, its policy, the pod's identity; if "
        "somebody has sealed it by hand, delete the pod"
    )
    command = _kubectl(facts, "logs", pod.name, "--container=vault", "--tail=30")
    return Line(said, State.ATTENTION, pod.name, fix, command)


_MIGRATION = ("go on with the migration of the seal", "python -m components migrate-seal")


def versions_section(facts: Facts) -> Section:
    """Say which versions of Vault run."""
    found: dict[str, list[str]] = {}
    for pod in facts.pods:
        if pod.status is not None and pod.status.version:
            found.setdefault(pod.status.version, []).append(pod.name)
    if not found:
        return Section("Version", [Line("no pod says which it runs", State.UNKNOWN)])
    if len(found) == 1:
        return Section("Version", [Line(f"Vault {next(iter(found))}")])
    said = " and ".join(f"Vault {version} on {', '.join(names)}" for version, names in sorted(found.items()))
    return Section("Version", [Line(said, State.ATTENTION, fix=f"end the upgrade: {_REPLACED}")])


def seal_section(facts: Facts) -> Section:
    """Say how Vault unseals, and whether that is being changed."""
    stack = facts.stack
    lines = []
    if stack.migrate_from:
        said = f"it is being migrated from {stack.migrate_from} to {stack.seal_type}"
        lines.append(Line(said, State.ATTENTION, "", *_MIGRATION))
    types = {pod.name: pod.status.seal_type for pod in facts.pods if pod.status is not None}
    expected = (stack.seal_type, stack.migrate_from) if stack.seal_type else types.values()
    other = [name for name, found in types.items() if found not in expected]
    if other:
        named = ", ".join(f"{name} {types[name]}" for name in other)
        said = f"the stack has seal {stack.seal_type}, and Vault another: {named}"
        fix = "see who has changed Vault's configuration; pulumi up says what it would do (docs/seals.md)"
        lines.append(Line(said, State.ATTENTION, fix=fix))
    lines.extend(_refusals_of_key(facts))
    if not lines and not types:
        return Section("Seal", [Line(f"{stack.seal_type} by the stack; no pod says its own", State.UNKNOWN)])
    if not lines:
        how = "pods unseal themselves" if stack.unseals_itself else "pods that start need key shares"
        lines.append(Line(f"{stack.seal_type or next(iter(types.values()))}: {how}"))
    return Section("Seal", lines)


def _refusals_of_key(facts: Facts) -> Iterator[Line]:
    """Yield that the seal's key doesn't serve a Vault that runs, which goes on until a pod restarts."""
    for pod in facts.pods:
        if pod.seal_health is None or pod.seal_health.healthy:
            continue
        last = pod.seal_health.last_healthy
        since = f" since {last:%Y-%m-%d %H:%M} UTC" if last is not None else ""
        fix = (
            "restart no pod; see the key's state, its policy and Vault's identity, of which pulumi preview "
            "and the log tell more (docs/alarms.md#vaultsealkeyunreachable)"
        )
        command = _kubectl(facts, "logs", pod.name, "--container=vault", "--tail=30")
        said = f"its key hasn't served Vault{since}: a pod that starts now stays sealed"
        yield Line(said, State.ATTENTION, pod.name, fix, command)


def voters_section(facts: Facts) -> Section:
    """Say whether the pods are one cluster with one leader, and with a token who votes in it."""
    if not facts.stack.highly_available:
        return Section("Voters", [Line("one server on file storage, without raft")])
    lines = _leadership(facts)
    if facts.token is None:
        last = facts.stack.voters
        known = f"; {last} at the last verification by pulumi up" if last is not None else ""
        lines.append(Line(f"who votes in raft is {WITHOUT_TOKEN}{known}", State.NOTE))
    elif facts.token.raft is None:
        lines.append(Line(f"who votes in raft can't be told: {facts.token.problem}", State.UNKNOWN))
    else:
        lines.extend(_voters(facts, facts.token.raft))
    return Section("Voters", lines)


def _leadership(facts: Facts) -> list[Line]:
    serving = [pod for pod in facts.pods if pod.leader is not None]
    clusters = {pod.status.cluster_id: pod.name for pod in serving if pod.status is not None}
    if len(clusters) > 1:
        said = " and ".join(f"{name} belongs to {cluster}" for cluster, name in clusters.items())
        fix = (
            "only you can tell which has the data; docs/troubleshooting.md says how the other's pods join it"
        )
        return [Line(f"there are two clusters: {said}", State.ATTENTION, fix=fix)]
    leading = [pod.name for pod in serving if pod.leads]
    if not serving and (facts.unreachable or any(pod.forbidden for pod in facts.pods)):
        return [Line("no pod says who leads", State.UNKNOWN)]
    if not serving:
        return [Line("no pod says who leads", State.ATTENTION, fix="fix the pods first")]
    if len(leading) != 1:
        said = f"{', '.join(leading)} lead at the same time" if leading else "no pod leads"
        fix = "ask again in a moment; if it stays so, fix the pods first, as a majority of them has to serve"
        return [Line(said, State.ATTENTION, fix=fix)]
    furthest = max(pod.leader.raft_applied_index for pod in serving if pod.leader is not None)
    behind = {pod.name: furthest - pod.leader.raft_applied_index for pod in serving if pod.leader is not None}
    late = [f"{name} by {entries}" for name, entries in behind.items() if entries > MAX_TRAILING_ENTRIES]
    if late:
        fix = "ask again in a moment: it should get less; if not, see the disk and network of that pod"
        said = f"entries of raft's log that pods are behind: {', '.join(late)}"
        return [Line(said, State.ATTENTION, fix=fix)]
    if facts.stack.replicas == 1:
        return [Line(f"{leading[0]} leads, and is alone")]
    following = len(serving) - 1
    return [Line(f"{leading[0]} leads, {following} of {facts.stack.replicas - 1} follow it closely")]


def _voters(facts: Facts, raft: RaftState) -> list[Line]:
    expected = {facts.stack.access.pod(ordinal) for ordinal in range(facts.stack.replicas)}
    voters = [peer.node_id for peer in raft.peers if peer.voter]
    lines = [Line(f"{_counted(len(voters), 'voter')}: {', '.join(voters)}")]
    if missing := sorted(expected - set(voters)):
        fix = "a new pod becomes one within seconds; if it doesn't, see why the pod doesn't join"
        lines.append(Line("no voter", State.ATTENTION, ", ".join(missing), fix))
    if surplus := sorted({peer.node_id for peer in raft.peers} - expected):
        said = "raft counts it still, though the stack has no such pod"
        fix = "remove each from raft: vault operator raft remove-peer"
        lines.append(Line(said, State.ATTENTION, ", ".join(surplus), fix))
    if ill := [peer.node_id for peer in raft.peers if not peer.healthy]:
        lines.append(Line("autopilot finds it unhealthy", State.ATTENTION, ", ".join(ill), "fix the pod"))
    return lines


def custody_section(facts: Facts) -> Section:
    """Say where Vault's keys are, and with a token whether they are there."""
    stack = facts.stack
    shares = "recovery shares" if stack.unseals_itself else "key shares"
    if not stack.keys_location:
        said = f"with whoever has initialised Vault: the stack doesn't have its {shares}"
        return Section("Keys", [Line(said, State.NOTE)])
    version = f" (version {stack.keys_version})" if stack.keys_version else ""
    said = f"{shares} in {stack.keys_location}{version}; {stack.threshold} of them are needed"
    lines = [Line(said)]
    if facts.token is not None and facts.token.record_problem:
        fix = "don't delete anything; docs/keys.md says how the shares are found, restored or changed"
        lines.append(Line(facts.token.record_problem, State.ATTENTION, fix=fix))
    return Section("Keys", lines)


def audit_section(facts: Facts) -> Section:
    """Say which audit devices Vault has, and which of those that the stack has enabled are gone."""
    recorded, token = facts.stack.audit_devices, facts.token
    lines: list[Line] = []
    if facts.stack.audit_problem:
        fix = f"{_UP} once that is settled (docs/audit.md)"
        lines.append(Line(facts.stack.audit_problem, State.ATTENTION, fix=fix))
    if token is None:
        known = f"; {', '.join(recorded)} at the last verification by pulumi up" if recorded else ""
        lines.append(Line(f"whether requests are recorded is {WITHOUT_TOKEN}{known}", State.NOTE))
    elif token.audit is None:
        lines.append(Line(f"it can't be told: {token.problem}", State.UNKNOWN))
    else:
        gone = [device for device in recorded if f"{device}/" not in token.audit]
        if gone:
            said = f"{', '.join(gone)} was enabled by the stack, and isn't any more"
            lines.append(Line(said, State.ATTENTION, fix=f"{_UP} --refresh, which enables it again"))
        if token.audit:
            lines.append(Line(f"devices {', '.join(token.audit)}"))
        else:
            lines.append(Line("no audit device: nothing is recorded of requests", State.NOTE))
    return Section("Audit", lines)


_REPLACED = (
    f"{_UP}, which replaces them one by one, or with upgrade.roll: false names those that you delete (the "
    "leader last)"
)


def outdated_section(facts: Facts) -> Section:
    """Say which pods run with settings from before the last change of the release, and which those are."""
    title = "Outdated"
    if facts.release is None:
        return Section(title, [Line("nothing to compare with: the release isn't known", State.UNKNOWN)])
    if facts.release.unsettled:
        return Section(title, [Line(f"{facts.release.unsettled}; ask again in a moment", State.UNKNOWN)])
    outdated = [pod for pod in facts.pods if pod.server.outdated]
    if not outdated:
        return Section(title, [Line("no pod: all run with the settings of the release")])
    wanted = facts.release.wanted
    # The label has the chart's name before it.
    chart = wanted.chart.partition("-")[2]
    compared = WantedPods(wanted.image, wanted.configuration, chart)
    reasons: dict[str, list[str]] = {}
    for pod in outdated:
        why = ", ".join(compared.reasons(pod.server.origin) or [OTHER_REASON])
        reasons.setdefault(why, []).append(pod.name)
    command = "python -m components migrate-seal" if facts.stack.migrate_from else ""
    fix = "the migration of the seal replaces them" if facts.stack.migrate_from else _REPLACED
    lines = [Line(why, State.ATTENTION, ", ".join(names)) for why, names in reasons.items()]
    lines[-1] = Line(lines[-1].says, State.ATTENTION, lines[-1].about, fix, command)
    return Section(title, lines)


def _kubectl(facts: Facts, *arguments: str) -> str:
    return shlex.join([*facts.stack.access.target.command_of_person(), *arguments])


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


SECTIONS: Sequence[Callable[[Facts], Section]] = (
    pods_section,
    versions_section,
    seal_section,
    voters_section,
    custody_section,
    certificate_section,
    audit_section,
    snapshots_section,
    outdated_section,
)
"""The sections of the page; another one is a function of the facts, and an entry here."""
