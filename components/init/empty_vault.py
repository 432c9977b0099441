"""Proves that a Vault is empty, so that a person can delete its volumes without losing anything.

Four things together prove it: a run of this program recorded that it was about to initialise this very
volume and never got an answer; the volume is still the same; Vault's own log says that it was initialised
just then; and no other server has another Vault. So nobody received its keys, and without a token nobody can
have written data. It is never the program that deletes a volume.
"""

import re
import shlex
from collections.abc import Sequence
from datetime import datetime, timedelta

from components.errors import DeploymentError
from components.init.other_servers import NotAloneError, observe_servers
from components.kubernetes.kubectl import KubectlError
from components.vault.answers import SealStatus
from components.vault.client import INIT_SECONDS
from components.vault.messages import INITIALIZED_LINE
from components.vault.pod_access import PodAccess
from components.vault.stateful_set import ObservedServer

# The most by which the clocks of the machine that ran the init and of the node may differ.
_CLOCKS_APART = timedelta(seconds=60)


class NotProvablyEmptyError(DeploymentError):
    """The proof that this Vault is unused is incomplete; the message says what is missing."""


def require_initialized_by(access: PodAccess, began: datetime) -> None:
    """Raise :class:`NotProvablyEmptyError` unless pod 0's log shows an init in the run that began then."""
    pod = access.pod(0)
    try:
        log = access.kubectl.run(["logs", pod, "--container=vault", "--timestamps"])
    except KubectlError as error:
        raise NotProvablyEmptyError(f"the log of {pod} can't be read: {error}") from None
    times = [_line_time(line) for line in log.splitlines() if INITIALIZED_LINE in line]
    if len(times) != 1:
        raise NotProvablyEmptyError(
            f"the log of {pod} doesn't show when Vault was initialised (the pod was restarted since)"
        )
    if not began - _CLOCKS_APART <= times[0] <= began + timedelta(seconds=INIT_SECONDS) + _CLOCKS_APART:
        raise NotProvablyEmptyError(
            f"Vault was initialised at {times[0].isoformat()}, and the run that got no answer began at "
            f"{began.isoformat()}: somebody else initialised it"
        )


def deletion_commands(access: PodAccess, first: SealStatus) -> Sequence[str]:
    """Return the kubectl lines that delete the pods and volumes of the empty Vault on pod 0.

    ``first`` is pod 0's status. Raises :class:`NotProvablyEmptyError` if another server isn't provably blank
    or a member of the same cluster.
    """
    try:
        servers = observe_servers(access, first)
    except NotAloneError as error:
        raise NotProvablyEmptyError(str(error)) from None
    for server in servers:
        if server.server.ordinal:
            _require_same_vault(server, first, access.pod(0))
    claims = [f"pvc/{server.server.claim}" for server in servers if server.server.claim]
    pods = [f"pod/{server.server.name}" for server in servers if server.server.pod_uid]
    # A claim is deleted only once its pod is, and the pod starts again only once the claim is gone.
    deletions = ([*claims, "--wait=false"] if claims else [], pods)
    return [
        shlex.join([*access.target.command_of_person(), "delete", *names]) for names in deletions if names
    ]


def _require_same_vault(server: ObservedServer, first: SealStatus, first_pod: str) -> None:
    name = server.server.name
    if server.status is None:
        if server.server.data_since is not None:
            raise NotProvablyEmptyError(f"{name} can't be asked: {server.problem}")
    elif server.status.initialized and (not first.cluster_id or server.status.cluster_id != first.cluster_id):
        raise NotProvablyEmptyError(
            f"{name} is initialised, and nothing shows that it belongs to the Vault of {first_pod}"
        )


def _line_time(line: str) -> datetime:
    """Return the timestamp of a line of `kubectl logs --timestamps` (RFC 3339, nanoseconds)."""
    return datetime.fromisoformat(re.sub(r"\.\d+", "", line.split(" ", 1)[0]))
