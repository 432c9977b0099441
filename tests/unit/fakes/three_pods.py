"""Three pods with claims, each of which answers for itself or doesn't."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from components.vault.client import VaultClient
from components.vault.pod_access import PodAccess, PodUnreachableError
from tests.unit.fakes.init_inputs import InitCluster, access, provide_cluster
from tests.unit.fakes.scripted_vault import Answer, serve_scripted_vault


def provide_three_pods(monkeypatch: pytest.MonkeyPatch, folder: Path) -> InitCluster:
    """Has the program ask a cluster with three pods of Vault."""
    found = provide_cluster(monkeypatch, folder)
    for name in ("vault-1", "vault-2"):
        found.add_server(name)
    return found


def each_pod_answers(monkeypatch: pytest.MonkeyPatch, *pods: Mapping[str, Answer] | None) -> PodAccess:
    """Has each pod, in their order, answer these calls; None doesn't answer."""

    @contextlib.contextmanager
    def reach(_access: PodAccess, ordinal: int) -> Iterator[VaultClient]:
        answers = pods[ordinal]
        if answers is None:
            raise PodUnreachableError("no route")
        with serve_scripted_vault() as vault:
            for call, answer in answers.items():
                vault.answers(call, answer)
            yield VaultClient(vault.address)

    monkeypatch.setattr(PodAccess, "reach", reach)
    return access("")
