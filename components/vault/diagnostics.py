"""Composes the messages about pods of Vault that don't start, answer or initialise."""

import re
from collections.abc import Sequence

from components.errors import DeploymentError
from components.kubernetes.pod_state import PodState, grouped_problems, stateful_set_pods
from components.vault.pod_access import PodAccess

# Whoever calls with the role of an instance has the instance's id as the name of the session:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
_NODES_SESSION = re.compile(r"assumed-role/([^/\s]+)/(i-[0-9a-f]+)")


def pod_states(access: PodAccess) -> Sequence[PodState]:
    """Return the state of every pod; that of pod 0 is why, if Kubernetes can't be asked."""
    try:
        return stateful_set_pods(access.kubectl, access.statefulset)
    except DeploymentError as error:
        # With an address nothing else needs kubectl, which may even be missing.
        return [PodState(access.pod(0), str(error), started=not access.address)]


def waiting_state(access: PodAccess, error: str) -> str:
    """Return in one line why pod 0 doesn't answer yet, ``error`` if it runs, and why other pods don't run."""
    return "; ".join(_problems(access, pod_states(access), error))


def with_pod_problems(access: PodAccess, error: str, separator: str = "\n") -> str:
    """Return the error, and after it why each pod doesn't run that doesn't."""
    return separator.join([error, *grouped_problems(pod_states(access))])


def pod_problem(access: PodAccess, ordinal: int, error: str) -> str:
    """Return why that pod doesn't run; ``error`` if Kubernetes reports nothing wrong."""
    return problem_of(access, access.pod(ordinal), pod_states(access), error)


def problem_of(access: PodAccess, pod: str, states: Sequence[PodState], error: str) -> str:
    """Return why the pod doesn't run; ``error`` if ``states`` have nothing wrong about it.

    With an address ``error`` is told as well, as that may fail whatever Kubernetes says of the pod.
    """
    problem = next((state.problem for state in states if state.name == pod), "")
    return f"{error}; {problem}" if access.address and problem else problem or error


def not_started(access: PodAccess, error: str) -> str:
    """Return the message for a pod 0 that doesn't answer in time, with the state and log of every pod."""
    pod = access.pod(0)
    states = pod_states(access)
    first, *others = _problems(access, states, error)
    lines = [f"Vault on {pod} doesn't answer: {first}", *others]
    lines.append(
        "This run has initialised nothing. A pod keeps the settings that it was made with: after fixing one, "
        f"run pulumi up and delete the pods (kubectl --namespace {access.target.namespace} delete pod "
        f"{' '.join(state.name for state in states if state.problem) or pod})."
    )
    if access.address:
        lines[-1] += f" The address is {access.address!r} (podAddress); check that it leads to the pod."
    logs = [
        (state.name, access.kubectl.log_tail(state.name))
        for state in states
        if state.started and (state.problem or state.name == pod)
    ]
    lines[-1] += _without_identity("\n".join(log for _, log in logs))
    for name, log in logs:
        lines.extend([f"The last log lines of {name}:", log])
    return "\n".join(lines)


def _problems(access: PodAccess, states: Sequence[PodState], error: str) -> Sequence[str]:
    """Return why pod 0 doesn't answer, and a line for each problem of the other pods."""
    pod = access.pod(0)
    others = [state for state in states if state.name != pod]
    return [problem_of(access, pod, states, error), *grouped_problems(others)]


def _without_identity(log: str) -> str:
    """Return what to do if Vault logged that it has no credentials of its own; else nothing."""
    node = _NODES_SESSION.search(log)
    if node is None and "NoCredentialProviders" not in log:
        return ""
    used = f" Vault called AWS as the node {node[2]}, with the node's role {node[1]}." if node else ""
    return (
        f"{used} Its pods get no credentials: the role's trust policy has to name this service account, and "
        "the cluster's pod identity webhook has to run (kubectl get mutatingwebhookconfigurations). With EKS "
        "Pod Identity delete pods that were created before EKS had seen the new association."
    )


def init_failed(access: PodAccess, error: str, *, recovery_seal: bool) -> str:
    """Return the message for an init that Vault answered with an error, or not at all."""
    message = f"Init of Vault on {access.pod(0)} failed: {error}"
    message += f"\nThe pod's last log lines:\n{access.kubectl.log_tail(access.pod(0))}"
    if recovery_seal:
        message += "\nIf the seal's key could not be used (see the log), fix the policies of role and key."
    # https://github.com/hashicorp/vault/issues/16201
    return (
        f"{message}\nRun pulumi up again: it goes on where this run stopped. Vault may count as initialised "
        "all the same, with keys that nobody received; pulumi up says so then, and how to begin again."
    )
