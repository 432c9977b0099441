"""The gRPC service around a provider, called as the engine calls it."""

from collections.abc import Iterator
from concurrent import futures
from typing import ClassVar, cast

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, provider_pb2, provider_pb2_grpc, status_pb2
from typing_extensions import override

from sandbox.plugins.engine_protocol import Engine, ProviderService
from sandbox.plugins.property_differences import Kind
from sandbox.plugins.property_values import UNKNOWN, PropertyMap, Secret, from_struct, to_struct
from sandbox.plugins.provider import (
    Change,
    Checked,
    CheckFailure,
    Created,
    Difference,
    EngineLog,
    Found,
    Function,
    PartialFailureError,
    Provider,
    ProviderError,
    Resource,
    ResourceType,
)

URN = "urn:pulumi:dev::project::parent$stub:index:Thing::thing"


class Thing(ResourceType):
    """Echoes its inputs; some names stand for trouble."""

    token = "stub:index:Thing"
    mirrored_inputs: ClassVar[dict[str, str]] = {"copy": "text"}

    def __init__(self) -> None:
        self.deleted: list[str] = []
        self.log: EngineLog | None = None

    @override
    def check(self, resource: Resource, old_inputs: PropertyMap, new_inputs: PropertyMap) -> Checked:
        failures = (CheckFailure("text", "is odd"),) if new_inputs.get("text") == "odd" else ()
        return Checked({**new_inputs, "name": resource.name}, failures)

    @override
    def diff(self, state: PropertyMap, old_inputs: PropertyMap, new_inputs: PropertyMap) -> Difference:
        if state.get("text") == new_inputs.get("text"):
            return Difference()
        return Difference(
            {"text": Change(Kind.UPDATE, replaces=True), "nested.a": Change(Kind.ADD)},
            delete_before_replace=True,
        )

    @override
    def create(self, resource: Resource, inputs: PropertyMap, *, preview: bool) -> Created:
        if preview:
            return Created("", {**inputs, "copy": UNKNOWN})
        if inputs.get("text") == "fails":
            raise ProviderError("it does not work")
        if inputs.get("text") == "half":
            raise PartialFailureError("half made", "id", {**inputs, "copy": inputs["text"]})
        if self.log is not None:
            self.log("warning", "look out", resource.urn)
        return Created("id", {**inputs, "copy": inputs["text"]})

    @override
    def read(
        self, resource: Resource, identifier: str, state: PropertyMap, inputs: PropertyMap
    ) -> Found | None:
        return None if identifier == "gone" else Found(identifier, {**state, "live": True}, inputs)

    @override
    def update(
        self, resource: Resource, identifier: str, state: PropertyMap, inputs: PropertyMap, *, preview: bool
    ) -> PropertyMap:
        return {**inputs, "copy": inputs["text"]}

    @override
    def delete(self, resource: Resource, identifier: str, state: PropertyMap) -> None:
        self.deleted.append(identifier)


class StubProvider(Provider):
    """One resource type and one function."""

    name = "stub"

    def __init__(self) -> None:
        self.thing = Thing()
        self.configuration: PropertyMap = {}
        self.cancelled = False

    def check_configuration(self, inputs: PropertyMap) -> tuple[CheckFailure, ...]:
        return () if "region" in inputs else (CheckFailure("region", "is missing"),)

    def diff_configuration(self, old_inputs: PropertyMap, new_inputs: PropertyMap) -> Difference:
        return (
            Difference({"region": Change(Kind.UPDATE, replaces=True)})
            if old_inputs != new_inputs
            else Difference()
        )

    def configure(self, inputs: PropertyMap, log: EngineLog) -> None:
        self.configuration = inputs
        self.thing.log = log

    def resource_type(self, token: str) -> ResourceType | None:
        return self.thing if token == Thing.token else None

    def function(self, token: str) -> Function | None:
        return (lambda arguments: {"got": arguments["a"]}) if token == "stub:index:echo" else None

    def cancel(self) -> None:
        self.cancelled = True


class RecordingEngine(engine_pb2_grpc.EngineServicer):
    """The engine's side of the log."""

    def __init__(self) -> None:
        self.messages: list[tuple[int, str, str]] = []

    @override
    def Log(self, request: engine_pb2.LogRequest, context: grpc.ServicerContext) -> Empty:
        self.messages.append((request.severity, request.message, request.urn))
        return Empty()


@pytest.fixture
def provider() -> StubProvider:
    """The provider behind the service."""
    return StubProvider()


@pytest.fixture
def engine() -> Iterator[tuple[RecordingEngine, str]]:
    """An engine and its address."""
    recording = RecordingEngine()
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=1))
    engine_pb2_grpc.add_EngineServicer_to_server(recording, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield recording, f"127.0.0.1:{port}"
    server.stop(None).wait()


@pytest.fixture
def stub(
    provider: StubProvider, engine: tuple[RecordingEngine, str]
) -> Iterator[provider_pb2_grpc.ResourceProviderStub]:
    """The service, called over a real channel."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=2))
    service = ProviderService(provider, Engine(engine[1]), "1.2.3")
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield provider_pb2_grpc.ResourceProviderStub(channel)
    server.stop(None).wait()


def answered(error: grpc.RpcError) -> grpc.Call:
    """What came back with an error; gRPC's synchronous errors are calls, which its types do not say."""
    return cast(grpc.Call, error)


def test_handshake_and_configuration_agree(stub: provider_pb2_grpc.ResourceProviderStub) -> None:
    handshake = stub.Handshake(provider_pb2.ProviderHandshakeRequest(engine_address="x"))
    configured = stub.Configure(provider_pb2.ConfigureRequest(args=to_struct({"region": Secret("r")})))

    assert (handshake.accept_secrets, configured.acceptSecrets) == (True, True)
    assert (handshake.accept_outputs, configured.acceptOutputs) == (False, False)
    assert configured.supportsPreview
    assert stub.GetPluginInfo(Empty()).version == "1.2.3"


def test_configuration_is_checked_and_compared(stub: provider_pb2_grpc.ResourceProviderStub) -> None:
    checked = stub.CheckConfig(provider_pb2.CheckRequest(news=to_struct({})))
    same = stub.DiffConfig(
        provider_pb2.DiffRequest(old_inputs=to_struct({"region": "a"}), news=to_struct({"region": "a"}))
    )
    other = stub.DiffConfig(
        provider_pb2.DiffRequest(old_inputs=to_struct({"region": "a"}), news=to_struct({"region": "b"}))
    )

    assert [(failure.property, failure.reason) for failure in checked.failures] == [("region", "is missing")]
    assert same.changes == provider_pb2.DiffResponse.DIFF_NONE
    assert list(other.replaces) == ["region"]


def test_a_check_keeps_secrets_and_reports_failures(stub: provider_pb2_grpc.ResourceProviderStub) -> None:
    checked = stub.Check(provider_pb2.CheckRequest(urn=URN, news=to_struct({"text": Secret("odd")})))

    assert from_struct(checked.inputs) == {"text": Secret("odd"), "name": "thing"}
    assert [(failure.property, failure.reason) for failure in checked.failures] == [("text", "is odd")]


def test_a_difference_is_detailed(stub: provider_pb2_grpc.ResourceProviderStub) -> None:
    answer = stub.Diff(
        provider_pb2.DiffRequest(urn=URN, olds=to_struct({"text": "a"}), news=to_struct({"text": UNKNOWN}))
    )

    assert answer.changes == provider_pb2.DiffResponse.DIFF_SOME
    assert answer.hasDetailedDiff
    assert answer.detailedDiff["text"].kind == provider_pb2.PropertyDiff.UPDATE_REPLACE
    assert answer.detailedDiff["nested.a"].kind == provider_pb2.PropertyDiff.ADD
    assert list(answer.replaces) == ["text"]
    assert list(answer.diffs) == ["nested", "text"]
    assert answer.deleteBeforeReplace


def test_a_created_resource_keeps_secrets_in_its_state(
    stub: provider_pb2_grpc.ResourceProviderStub, engine: tuple[RecordingEngine, str]
) -> None:
    stub.Configure(provider_pb2.ConfigureRequest(args=to_struct({"region": "r"})))
    created = stub.Create(provider_pb2.CreateRequest(urn=URN, properties=to_struct({"text": Secret("s")})))

    assert created.id == "id"
    assert from_struct(created.properties) == {"text": Secret("s"), "copy": Secret("s")}
    assert engine[0].messages == [(engine_pb2.WARNING, "look out", URN)]


def test_a_preview_passes_unknowns(stub: provider_pb2_grpc.ResourceProviderStub) -> None:
    created = stub.Create(
        provider_pb2.CreateRequest(urn=URN, preview=True, properties=to_struct({"text": UNKNOWN}))
    )

    assert created.id == ""
    assert from_struct(created.properties) == {"text": UNKNOWN, "copy": UNKNOWN}


def test_a_failure_is_an_error_of_the_same_text(stub: provider_pb2_grpc.ResourceProviderStub) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        stub.Create(provider_pb2.CreateRequest(urn=URN, properties=to_struct({"text": "fails"})))

    assert answered(raised.value).details() == "it does not work"


def test_a_half_made_resource_is_told_with_its_state(stub: provider_pb2_grpc.ResourceProviderStub) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        stub.Create(provider_pb2.CreateRequest(urn=URN, properties=to_struct({"text": Secret("half")})))

    trailers = dict(answered(raised.value).trailing_metadata() or ())
    serialized = trailers["grpc-status-details-bin"]
    assert isinstance(serialized, bytes)
    status = status_pb2.Status.FromString(serialized)
    detail = provider_pb2.ErrorResourceInitFailed()
    assert status.details[0].Unpack(detail)
    assert (detail.id, list(detail.reasons)) == ("id", ["half made"])
    assert from_struct(detail.properties) == {"text": Secret("half"), "copy": Secret("half")}


def test_reading_updating_and_deleting(
    stub: provider_pb2_grpc.ResourceProviderStub, provider: StubProvider
) -> None:
    inputs = to_struct({"text": Secret("t")})
    read = stub.Read(provider_pb2.ReadRequest(urn=URN, id="id", properties=inputs, inputs=inputs))
    gone = stub.Read(provider_pb2.ReadRequest(urn=URN, id="gone", properties=inputs, inputs=inputs))
    updated = stub.Update(provider_pb2.UpdateRequest(urn=URN, id="id", olds=inputs, news=inputs))
    stub.Delete(provider_pb2.DeleteRequest(urn=URN, id="id", properties=inputs))

    assert from_struct(read.properties) == {"text": Secret("t"), "live": True}
    assert from_struct(read.inputs) == {"text": Secret("t")}
    assert gone.id == ""
    assert from_struct(updated.properties) == {"text": Secret("t"), "copy": Secret("t")}
    assert provider.thing.deleted == ["id"]


def test_functions_are_called(stub: provider_pb2_grpc.ResourceProviderStub) -> None:
    answer = stub.Invoke(provider_pb2.InvokeRequest(tok="stub:index:echo", args=to_struct({"a": Secret(1)})))

    assert from_struct(getattr(answer, "return")) == {"got": 1}


@pytest.mark.parametrize("call", ["type", "function", "schema"])
def test_what_is_not_implemented_is_refused(stub: provider_pb2_grpc.ResourceProviderStub, call: str) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        if call == "type":
            stub.Check(provider_pb2.CheckRequest(urn=URN.replace("Thing", "Other")))
        elif call == "function":
            stub.Invoke(provider_pb2.InvokeRequest(tok="stub:index:other"))
        else:
            stub.GetSchema(provider_pb2.GetSchemaRequest())

    assert answered(raised.value).code() == grpc.StatusCode.UNIMPLEMENTED
    assert "needs the real plugin" in (answered(raised.value).details() or "")


def test_cancelling_reaches_the_provider(
    stub: provider_pb2_grpc.ResourceProviderStub, provider: StubProvider
) -> None:
    stub.Cancel(Empty())

    assert provider.cancelled
