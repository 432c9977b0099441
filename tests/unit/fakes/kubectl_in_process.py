"""Kubectl's calls answered in this process from the objects of a test, as starting commands takes long."""

import contextlib
import io
import sys
import threading
from collections.abc import Sequence

import pytest

from components.kubernetes.kubectl import Kubectl, KubectlError
from tests.unit.fakes.kubernetes_objects import KubernetesObjects

# Standard input and output are the process's, and a lease is renewed by a thread of its own.
_ONE_AT_A_TIME = threading.Lock()


def answer_in_process(objects: KubernetesObjects, arguments: Sequence[str], stdin: str | None) -> str:
    """What kubectl prints; raises :class:`KubectlError` as kubectl fails."""
    said, complaint = io.StringIO(), io.StringIO()
    with (
        _ONE_AT_A_TIME,
        pytest.MonkeyPatch.context() as monkeypatch,
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(complaint),
    ):
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin or ""))
        try:
            objects.answer(list(arguments))
        except SystemExit:
            raise KubectlError(complaint.getvalue().strip()) from None
    return said.getvalue()


def provide_objects(monkeypatch: pytest.MonkeyPatch, objects: KubernetesObjects) -> None:
    """Has the program ask these objects."""

    def run(
        kubectl: Kubectl, arguments: Sequence[str], *, stdin: str | None = None, timeout_seconds: float = 30
    ) -> str:
        assert timeout_seconds > 0
        with kubectl.command(arguments) as command:
            return answer_in_process(objects, command[1:], stdin)

    monkeypatch.setattr(Kubectl, "run", run)
