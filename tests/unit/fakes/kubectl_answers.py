"""A kubectl in this process that gives the objects of a test, or fails as it is told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from components.kubernetes.kubectl import Kubectl, KubectlError, KubernetesTarget

TARGET = KubernetesTarget(kubeconfig="", context="here", namespace="secrets")


@dataclass
class KubectlAnswers:
    """What kubectl finds; a message in `refusal` makes every call fail with it."""

    objects: dict[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    token: str = "the.pods.token"
    refusal: str = ""
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def answer(self, *question: str) -> None:
        """Record what was asked; raise what kubectl would."""
        self.asked.append(question)
        if self.refusal:
            raise KubectlError(self.refusal)


def provide_answers(monkeypatch: pytest.MonkeyPatch) -> KubectlAnswers:
    """Put the answers in the place of kubectl's calls for objects and for tokens."""
    answers = KubectlAnswers()

    def get(_: Kubectl, kind: str, name: str) -> Mapping[str, Any] | None:
        answers.answer("get", kind, name)
        return answers.objects.get((kind, name))

    def service_account_token(_: Kubectl, account: str, *, audience: str, seconds: int) -> str:
        answers.answer("token", account, audience, str(seconds))
        return answers.token

    monkeypatch.setattr(Kubectl, "get", get)
    monkeypatch.setattr(Kubectl, "service_account_token", service_account_token)
    return answers
