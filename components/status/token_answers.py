"""Asks Vault for what it tells to a token alone, and the store whether it has the record of the keys."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from components.errors import DeploymentError
from components.status.facts import ObservedPod, RecordedStack, TokenAnswers
from components.vault.answers import RaftState
from components.vault.client import VaultClient
from components.vault.pod_access import PodAccess

_STORE_SECONDS = 5.0

Result = TypeVar("Result")


@dataclass(frozen=True)
class Credentials:
    """The token that is used, and what is wrong with the record that the root token is in."""

    token: str = field(repr=False)
    """Empty if none is available here."""
    record_problem: str = ""
    """What is wrong with the record of the keys; empty if nothing is."""


def token_answers(
    stack: RecordedStack,
    access: PodAccess,
    pods: Sequence[ObservedPod],
    credentials: Callable[[], Credentials],
) -> TokenAnswers:
    """Return what Vault tells to a token, through the first pod that is unsealed."""
    seconds = access.limit.seconds(_STORE_SECONDS) if access.limit is not None else _STORE_SECONDS
    try:
        found = _within(seconds, credentials)
    except DeploymentError as error:
        return TokenAnswers(problem=str(error))
    if not found.token:
        problem = "there is no token: the root token is revoked or isn't in the stack's custody; set token"
        return TokenAnswers(problem=problem, record_problem=found.record_problem)
    unsealed = [pod for pod in pods if pod.status is not None and not pod.status.sealed]
    if not unsealed:
        return TokenAnswers(problem="no pod is unsealed", record_problem=found.record_problem)
    problems: list[str] = []
    raft: RaftState | None = None
    audit: Sequence[str] | None = None
    try:
        with access.reach(unsealed[0].server.ordinal) as client:
            asked = client.with_token(found.token)
            if stack.highly_available:
                raft = _told(asked.raft_state, problems)
            audit = _told(lambda: _audit_devices(asked), problems)
    except DeploymentError as error:
        problems.append(str(error))
    return TokenAnswers(raft, audit, "; ".join(dict.fromkeys(problems)), found.record_problem)


def _audit_devices(client: VaultClient) -> Sequence[str]:
    answer = client.request("GET", "sys/audit")
    return sorted(answer["data"])


def _told(question: Callable[[], Result], problems: list[str]) -> Result | None:
    try:
        return question()
    except DeploymentError as error:
        problems.append(str(error))
        return None


def _within(seconds: float, question: Callable[[], Result]) -> Result:
    """Return the answer of something whose calls have no limit of their own.

    Raises :class:`DeploymentError` if it takes longer; it is left alone then, and ends with the process.
    """
    answers: list[Result] = []
    errors: list[str] = []

    def ask() -> None:
        try:
            answers.append(question())
        except DeploymentError as error:
            errors.append(str(error))
        # A user's own store may raise anything, even with the keys in the message.
        except Exception as error:
            errors.append(type(error).__name__)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    if answers:
        return answers[0]
    raise DeploymentError(errors[0] if errors else f"the stack's keys weren't read within {seconds:.0f} s")
