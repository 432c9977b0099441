"""Deletes the volumes of a Vault that is provably empty, so that it can be initialised again.

Three things together prove it: a run of this program recorded that it was about to initialise this very
volume and never got an answer; the volume is still the same; and Vault's own log says that it was initialised
just then. So nobody received its keys, and without a token nobody can have written data.
"""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from components.errors import DeploymentError
from components.kubernetes.kubectl import Kubectl, KubectlError
from components.progress import say
from components.vault.client import INIT_SECONDS
from components.vault.messages import INITIALIZED_LINE
from components.vault.pod_access import PodAccess

# The most by which the clocks of the machine that ran the init and of the node may differ.
_CLOCKS_APART = timedelta(seconds=60)
_DELETION_SECONDS = 120


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


def wipe_volumes(access: PodAccess, replicas: int) -> None:
    """Delete the data volumes of all pods, and the pods, which come back with empty ones.

    Raises :class:`DeploymentError` if Kubernetes doesn't do it in time. Can be repeated.
    """
    pods = [access.pod(ordinal) for ordinal in range(replicas)]
    claims = [f"pvc/data-{pod}" for pod in pods]
    say(f"Deleting the volumes of an empty Vault whose keys nobody got: {', '.join(claims)}")
    kubectl = access.kubectl
    try:
        _delete(kubectl, claims, wait=False)
        # A claim is deleted only once its pod is, and the pod starts again only once the claim is gone.
        _delete(kubectl, [f"pod/{pod}" for pod in pods], wait=True)
    except KubectlError as error:
        raise DeploymentError(
            f"The volumes of the empty Vault couldn't be deleted: {error}\nRun pulumi up again."
        ) from None


def _delete(kubectl: Kubectl, names: Sequence[str], *, wait: bool) -> None:
    kubectl.run(
        [
            "delete",
            *names,
            "--ignore-not-found",
            f"--wait={str(wait).lower()}",
            f"--timeout={_DELETION_SECONDS}s",
        ],
        timeout_seconds=_DELETION_SECONDS + 10,
    )


def _line_time(line: str) -> datetime:
    """Return the timestamp of a line of `kubectl logs --timestamps` (RFC 3339, nanoseconds)."""
    return datetime.fromisoformat(re.sub(r"\.\d+", "", line.split(" ", 1)[0]))
