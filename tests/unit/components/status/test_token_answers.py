"""What Vault tells to a token alone, and a store that is asked for it in time."""

import time
from collections.abc import Callable, Sequence

import pytest

from components.custody.key_store import KeyStoreError
from components.status import token_answers as module
from components.status.facts import ObservedPod, RecordedStack, TokenAnswers
from components.status.token_answers import Credentials, token_answers
from tests.unit.fakes.init_inputs import access
from tests.unit.fakes.observed_vault import outputs, pod, sealed
from tests.unit.fakes.scripted_vault import AUTOPILOT_STATE, Answer, ScriptedVault, error

AUDIT = "GET /v1/sys/audit"
TOKEN = Credentials("hvs.reader")
STATE = {
    "healthy": True,
    "leader": "vault-0",
    "voters": ["vault-0"],
    "servers": {"vault-0": {"address": "vault-0:8201", "healthy": True}},
}


def asked(
    vault: ScriptedVault,
    credentials: Callable[[], Credentials] = lambda: TOKEN,
    pods: Sequence[ObservedPod] = (),
    **stack: object,
) -> TokenAnswers:
    recorded = RecordedStack.from_outputs(outputs(**stack))
    return token_answers(recorded, access(vault.address), pods or [sealed(0), pod(1)], credentials)


def test_voters_and_audit_devices(vault: ScriptedVault) -> None:
    vault.answers(AUTOPILOT_STATE, Answer({"data": STATE}))
    vault.answers(AUDIT, Answer({"data": {"stdout/": {"type": "file"}, "file/": {"type": "file"}}}))
    found = asked(vault)
    assert found.raft is not None
    assert [peer.voter for peer in found.raft.peers] == [True]
    assert (found.audit, found.problem) == (["file/", "stdout/"], "")
    assert {request.token for request in vault.requests} == {"hvs.reader"}


def test_what_the_token_may_not_read(vault: ScriptedVault) -> None:
    vault.answers(AUTOPILOT_STATE, Answer({"data": STATE}))
    vault.answers(AUDIT, error(403, "permission denied"))
    found = asked(vault)
    assert found.raft is not None
    assert (found.audit, "permission denied" in found.problem) == (None, True)


def test_a_single_server_is_not_asked_for_raft(vault: ScriptedVault) -> None:
    vault.answers(AUDIT, Answer({"data": {}}))
    assert asked(vault, mode="standalone").problem == ""
    assert vault.asked(AUTOPILOT_STATE) == []


@pytest.mark.parametrize(
    ("pods", "token", "said"),
    [([sealed(0)], TOKEN, "no pod is unsealed"), ([pod(0)], Credentials("", "gone"), "there is no token")],
)
def test_nobody_to_ask_or_nothing_to_ask_with(
    vault: ScriptedVault, pods: Sequence[ObservedPod], token: Credentials, said: str
) -> None:
    found = asked(vault, lambda: token, pods)
    assert said in found.problem
    assert (found.raft, found.audit, found.record_problem) == (None, None, token.record_problem)
    assert vault.requests == []


def test_store_that_refuses_or_that_says_too_much(vault: ScriptedVault) -> None:
    def refuses() -> Credentials:
        raise KeyStoreError("access denied")

    def chats() -> Credentials:
        raise RuntimeError("hvs.root-token is what I have")

    assert asked(vault, refuses).problem == "access denied"
    assert asked(vault, chats).problem == "RuntimeError"


def test_store_that_does_not_answer(vault: ScriptedVault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_STORE_SECONDS", 0.1)

    def waits() -> Credentials:
        time.sleep(3)
        return TOKEN

    began = time.monotonic()
    assert "weren't read within" in asked(vault, waits).problem
    assert time.monotonic() - began < 2
    assert vault.requests == []


def test_token_is_in_no_representation() -> None:
    assert "hvs" not in repr(TOKEN)
