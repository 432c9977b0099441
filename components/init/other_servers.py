"""Keeps the init from making a second Vault beside one that exists, or with an outdated configuration.

Pod 0 alone doesn't tell whether there is a Vault: its volume may be a new one, beside the others' old ones.
"""

from collections.abc import Sequence
from datetime import datetime

from components.errors import RetryableError
from components.kubernetes.kubectl import KubectlError
from components.progress import say
from components.vault.answers import SealStatus
from components.vault.pod_access import PodAccess
from components.vault.running_configuration import configuration_changed_at
from components.vault.stateful_set import (
    ObservedServer,
    Server,
    StatefulSetError,
    ask_servers,
    delete_pod,
    find_servers,
)


class NotAloneError(RetryableError):
    """Another server is initialised, or may be. Waiting helps if it answers, or if pod 0 joins it."""


class OutdatedPodError(RetryableError):
    """A pod with an older configuration is being replaced, so what was proved through it doesn't count."""


def observe_servers(access: PodAccess, first: SealStatus) -> Sequence[ObservedServer]:
    """Ask every server but pod 0, whose status is ``first``; raise :class:`NotAloneError` if it can't."""
    try:
        servers = find_servers(access)
    except StatefulSetError as error:
        raise NotAloneError(
            f"Whether there is a Vault on another pod can't be seen: {error}. This run initialised nothing; "
            "run pulumi up again."
        ) from None
    others = ask_servers(access, [server for server in servers if server.ordinal])
    return [*(ObservedServer(server, first, "") for server in servers if not server.ordinal), *others]


def require_no_other_vault(access: PodAccess, servers: Sequence[ObservedServer], run_began: datetime) -> None:
    """Raise :class:`NotAloneError` if a server besides the uninitialised pod 0 is initialised, or may be.

    One that can't be asked may be, unless its volume is no older than this run: a StatefulSet's claims exist
    long before all its pods run.
    """
    first = access.pod(0)
    initialized = [server.server.name for server in servers if server.initialized]
    if initialized:
        names = ", ".join(initialized)
        raise NotAloneError(
            f"A Vault exists on {names}, and {first} hasn't joined it: initialising {first} would make a "
            "second one beside it. This run initialised nothing. Which of the two is to stay only you can "
            "tell:\n"
            f"- That of {names}: {first} joins it by itself, as soon as it is unsealed and has a leader "
            f"(kubectl logs {first} says what is missing). Then run pulumi up again; if this stack doesn't "
            "have its keys, set init.adopt to true, and give them (adoptedKeys, or init.adoptedKeysFile) or "
            "a token.\n"
            "- A new one: save what is in the other one (vault operator raft snapshot save), delete it with "
            "its volumes yourself, as pulumi up deletes none, and run pulumi up again."
        )
    unknown = [
        server
        for server in servers
        if server.problem
        and server.server.data_since is not None
        and server.server.data_since < run_began.replace(microsecond=0)
    ]
    if unknown:
        names = ", ".join(server.server.name for server in unknown)
        reasons = "; ".join(
            f"{server.server.name}: {server.problem}, its data since {server.server.data_since}"
            for server in unknown
        )
        raise NotAloneError(
            f"Whether there is a Vault on {names} can't be seen ({reasons}), and {first} isn't initialised. "
            "This run initialised nothing. Two ways out:\n"
            f"- Let {names} run, if need be with more replicas, so that it can be asked (kubectl describe "
            "pod says what is missing), and run pulumi up again.\n"
            "- If you know that no Vault is on it: delete it with its volume yourself, as pulumi up "
            "deletes none, and run pulumi up again."
        )


def replace_outdated(access: PodAccess, servers: Sequence[ObservedServer], *, others_install: bool) -> None:
    """Delete the uninitialised pods that run with an older configuration.

    Raises :class:`OutdatedPodError` until they are replaced. If others install the release, what they have
    changed may be the configuration alone, which no revision of the pods tells: the time of its last change
    does.

    The seal that was proved is that of the settings, and Vault uses the one that its pod has started with.
    Such a pod holds nothing, and its volume stays.
    """
    try:
        changed = configuration_changed_at(access.kubectl, access.statefulset) if others_install else None
    except KubectlError as error:
        raise StatefulSetError(f"Vault's configuration can't be looked at: {error}") from None
    outdated = [
        server.server
        for server in servers
        if server.uninitialized and (server.server.outdated or _is_older(server.server, changed))
    ]
    if not outdated:
        return
    names = ", ".join(server.name for server in outdated)
    for server in outdated:
        if server.terminating:
            continue
        say(f"Replacing {server.name}, which isn't initialised and has an older configuration")
        try:
            delete_pod(access, server)
        except KubectlError as error:
            raise OutdatedPodError(
                f"{names} has an older configuration, and can't be replaced: {error}\nThis run initialised "
                "nothing: delete the pod, and run pulumi up again."
            ) from None
    raise OutdatedPodError(
        f"{names} is being replaced, as it has an older configuration.\nThis run initialised nothing: run "
        "pulumi up again once the new pod runs (kubectl describe pod says what is missing)."
    )


def _is_older(server: Server, changed: datetime | None) -> bool:
    return changed is not None and server.created is not None and server.created < changed
