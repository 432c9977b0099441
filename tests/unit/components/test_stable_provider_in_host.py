"""The dynamic providers inside Pulumi's own host process, spoken to as the engine does.

What the host does to providers, values and errors can't be seen by calling the classes.
"""

import base64
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import json_format, struct_pb2
from pulumi.dynamic import ResourceProvider
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from components.google.key_identity import GoogleKeyIdentityProvider
from components.injector_admission import InjectorAdmissionProvider
from components.injector_rollout import InjectorRolloutProvider
from components.installed_release import InstalledReleaseProvider
from components.journal_key import JournalKeyProvider
from components.kubernetes_identity import KubernetesIdentityProvider
from components.operator_init import OperatorInitProvider
from components.raft_quorum import RaftQuorumProvider
from components.release_guard import ReleaseGuardProvider
from components.root_token_revocation import RootTokenRevocationProvider
from components.shamir_unseal import ShamirUnsealProvider
from sandbox.layout import REPOSITORY
from tests.unit.fakes.commands_on_path import only_commands
from tests.unit.fakes.init_inputs import DEPLOYMENT, NOWHERE, InitCluster, init_inputs, quorum_inputs
from tests.unit.fakes.pgp_keys import new_key
from tests.unit.fakes.scripted_vault import (
    INIT,
    ROOT_TOKEN,
    SEAL_STATUS,
    SHARES,
    ScriptedVault,
    error,
    init_answer,
    seal_status,
)
from tests.unit.fakes.vault_keys import RECORD

PROVIDERS = (
    OperatorInitProvider,
    RaftQuorumProvider,
    ShamirUnsealProvider,
    InjectorAdmissionProvider,
    InjectorRolloutProvider,
    InstalledReleaseProvider,
    JournalKeyProvider,
    KubernetesIdentityProvider,
    RootTokenRevocationProvider,
    ReleaseGuardProvider,
    GoogleKeyIdentityProvider,
)


@dataclass(frozen=True)
class Host:
    """Pulumi's host of dynamic providers."""

    stub: Any

    def check(self, olds: Mapping[str, Any], news: Mapping[str, Any]) -> Any:
        return self.stub.Check(provider_pb2.CheckRequest(olds=_struct(olds), news=_struct(news)))

    def diff(self, olds: Mapping[str, Any], news: Mapping[str, Any]) -> Any:
        return self.stub.Diff(provider_pb2.DiffRequest(id="id", olds=_struct(olds), news=_struct(news)))

    def create(self, properties: Mapping[str, Any]) -> Any:
        return self.stub.Create(provider_pb2.CreateRequest(properties=_struct(properties)))

    def update(self, olds: Mapping[str, Any], news: Mapping[str, Any]) -> Any:
        return self.stub.Update(provider_pb2.UpdateRequest(id="id", olds=_struct(olds), news=_struct(news)))

    def read(self, properties: Mapping[str, Any]) -> Any:
        return self.stub.Read(provider_pb2.ReadRequest(id="id", properties=_struct(properties)))

    def delete(self, properties: Mapping[str, Any]) -> None:
        self.stub.Delete(provider_pb2.DeleteRequest(id="id", properties=_struct(properties)))


def _struct(values: Mapping[str, Any]) -> struct_pb2.Struct:
    return json_format.ParseDict(dict(values), struct_pb2.Struct())


def _values(struct: struct_pb2.Struct) -> dict[str, Any]:
    found: dict[str, Any] = json_format.MessageToDict(struct)
    return found


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """One host for all tests, as the engine starts one for an update."""
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        subprocess.Popen(
            [sys.executable, "-m", "pulumi.dynamic"],
            cwd=REPOSITORY,
            env=_environment(monkeypatch, tmp_path_factory.mktemp("cluster")),
            stdout=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                yield Host(provider_pb2_grpc.ResourceProviderStub(channel))
        finally:
            process.terminate()


def _environment(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Mapping[str, str]:
    """With the cluster that the journal lies in."""
    monkeypatch.setenv("PULUMI_HOME", str(folder / "home"))
    only_commands(monkeypatch, folder / "commands", kubectl=InitCluster(folder).objects.script)
    return dict(os.environ)


def inputs(address: str = NOWHERE, **changed: Any) -> dict[str, Any]:
    return {
        **init_inputs(address, pod_start_seconds=0.3),
        "__provider": serialize_provider(OperatorInitProvider()),
        **changed,
    }


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.__name__)
def test_provider_is_kept_by_name_and_not_by_source(provider: type[ResourceProvider]) -> None:
    """Else an edit of the program, or another Python, would change the state of every resource."""
    kept = serialize_provider(provider())
    pickled = base64.b64decode(kept)
    assert provider.__module__.encode() in pickled
    assert provider.__qualname__.encode() in pickled
    names = len(provider.__module__) + len(provider.__qualname__)
    # Beside the two names there is only the pickle's frame.
    assert len(pickled) < names + 30
    assert serialize_provider(provider()) == kept


def test_first_deployment(host: Host, vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, seal_status("awskms"))
    vault.answers(INIT, init_answer(recovery=True))
    checked = host.check({}, inputs(vault.address))
    assert not checked.failures
    created = host.create(_values(checked.inputs))
    assert created.id == "secrets/vault"
    outputs = _values(created.properties)
    assert outputs["root_token"] == ROOT_TOKEN
    assert outputs["recovery_shares"] == SHARES


def state(address: str = NOWHERE) -> dict[str, Any]:
    return {
        **inputs(address),
        "cluster_initialized_here": True,
        "vault_version": "1.18.1",
        "deployment": DEPLOYMENT,
        "keys_location": "the stack's state",
        "keys_version": "",
        "keys_fingerprint": RECORD.fingerprint,
        "root_token": ROOT_TOKEN,
        "recovery_shares": SHARES,
        "key_shares": [],
    }


def test_second_deployment_changes_nothing(host: Host) -> None:
    answer = host.diff(state(), inputs())
    assert answer.changes == provider_pb2.DiffResponse.DIFF_NONE
    assert list(answer.replaces) == []


def test_provider_that_moved_is_an_update(host: Host) -> None:
    elsewhere = serialize_provider(RaftQuorumProvider())
    answer = host.diff({**state(), "__provider": elsewhere}, inputs())
    assert answer.changes == provider_pb2.DiffResponse.DIFF_SOME
    assert list(answer.replaces) == []


def test_update_keeps_the_keys(host: Host) -> None:
    answer = host.diff(state(), inputs(pod_start_seconds=600))
    assert answer.changes == provider_pb2.DiffResponse.DIFF_SOME
    assert list(answer.replaces) == []
    kept = _values(host.update(state(), inputs(pod_start_seconds=600)).properties)
    assert kept == {**state(), "pod_start_seconds": 600}


def test_refresh_keeps_the_keys(host: Host) -> None:
    answer = host.read(state())
    assert answer.id == "id"
    assert _values(answer.properties) == state()


def test_destroy_asks_vault_for_nothing(host: Host, vault: ScriptedVault) -> None:
    host.delete(state(vault.address))
    assert vault.requests == []


def test_encrypted_shares_are_left_to_their_holders_in_the_preview(host: Host) -> None:
    keys = [new_key()] * 5
    (failure,) = host.check({**state(), "pgp_keys": keys}, inputs(pgp_keys=keys, threshold=2)).failures
    assert failure.property == "threshold"
    assert "only the holders can make new ones" in failure.reason


def test_error_comes_without_a_stack_trace_or_a_secret(host: Host, vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, seal_status("awskms"))
    vault.answers(INIT, error(500, "failed to encrypt barrier keys"))
    # The journal of the first deployment lies in the cluster still.
    other = {**inputs(vault.address)["access"], "statefulset": "other"}
    with pytest.raises(grpc.RpcError) as raised:
        host.create(inputs(access=other))
    said = _details(raised.value)
    assert "Init of Vault on other-0 failed: failed to encrypt barrier keys" in said
    assert "Traceback" not in said
    assert ".py" not in said
    assert ROOT_TOKEN not in said


def test_error_of_the_quorum_hides_its_token(host: Host) -> None:
    provider = serialize_provider(RaftQuorumProvider())
    quorum = quorum_inputs(access=inputs()["access"], __provider=provider)
    with pytest.raises(grpc.RpcError) as raised:
        host.create(quorum)
    said = _details(raised.value)
    assert "Vault has no quorum of 3" in said
    assert "Traceback" not in said
    assert ROOT_TOKEN not in said


def _details(error: grpc.RpcError) -> str:
    # grpc's stubs don't tell that a call's error carries the call.
    call: Any = error
    return str(call.details())
