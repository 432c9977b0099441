"""The engine's side of a provider plugin: the ``ResourceProvider`` gRPC service around a :class:`Provider`.

See ``proto/pulumi/provider.proto`` of the Pulumi repository. ``pulumi.provider.experimental`` of the Python
SDK is not used: it cannot marshal unknown values, which every preview needs.
"""

import gc
import os
import signal
import sys
import threading
from collections.abc import Mapping
from concurrent import futures
from types import FrameType
from typing import NoReturn

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.empty_pb2 import Empty
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import (
    engine_pb2,
    engine_pb2_grpc,
    plugin_pb2,
    provider_pb2,
    provider_pb2_grpc,
    status_pb2,
)
from typing_extensions import override

from sandbox.plugins.property_differences import Kind
from sandbox.plugins.property_values import (
    NULL,
    PropertyMap,
    PropertyValue,
    PropertyValueError,
    Secret,
    from_struct,
    plain_map,
    to_struct,
    with_secrets_of,
)
from sandbox.plugins.provider import (
    CheckFailure,
    Difference,
    PartialFailureError,
    Provider,
    ProviderError,
    Resource,
    ResourceType,
    Severity,
    not_implemented,
)

_MAXIMUM_MESSAGE_BYTES = 400 * 1024 * 1024
_MESSAGE_SIZES = [
    ("grpc.max_receive_message_length", _MAXIMUM_MESSAGE_BYTES),
    ("grpc.max_send_message_length", _MAXIMUM_MESSAGE_BYTES),
]
_PARENT_CHECK_SECONDS = 2.0
_CHANGE_KINDS = {
    (Kind.ADD, False): provider_pb2.PropertyDiff.ADD,
    (Kind.ADD, True): provider_pb2.PropertyDiff.ADD_REPLACE,
    (Kind.DELETE, False): provider_pb2.PropertyDiff.DELETE,
    (Kind.DELETE, True): provider_pb2.PropertyDiff.DELETE_REPLACE,
    (Kind.UPDATE, False): provider_pb2.PropertyDiff.UPDATE,
    (Kind.UPDATE, True): provider_pb2.PropertyDiff.UPDATE_REPLACE,
}
_SEVERITIES = {"info": engine_pb2.INFO, "warning": engine_pb2.WARNING}


class Engine:
    """The engine's own service, which shows a plugin's messages to the user."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._lock = threading.Lock()
        self._stub: engine_pb2_grpc.EngineStub | None = None

    def log(self, severity: Severity, message: str, urn: str) -> None:
        """Show a message beside a resource; implements :class:`EngineLog`."""
        with self._lock:
            if self._stub is None:
                self._stub = engine_pb2_grpc.EngineStub(
                    grpc.insecure_channel(self.address, options=_MESSAGE_SIZES)
                )
        self._stub.Log(engine_pb2.LogRequest(severity=_SEVERITIES[severity], message=message, urn=urn))


class ProviderService(provider_pb2_grpc.ResourceProviderServicer):
    """Serves one provider. Calls which are not overridden here answer UNIMPLEMENTED."""

    def __init__(self, provider: Provider, engine: Engine, version: str) -> None:
        self._provider = provider
        self._engine = engine
        self._version = version

    @override
    def Handshake(
        self, request: provider_pb2.ProviderHandshakeRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ProviderHandshakeResponse:
        """Agree on the protocol: secrets are passed as such, resources and outputs as plain values."""
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True)

    @override
    def Attach(self, request: plugin_pb2.PluginAttach, context: grpc.ServicerContext) -> Empty:
        """Take the address of an engine that did not start this process."""
        self._engine.address = request.address
        return Empty()

    @override
    def GetPluginInfo(self, request: Empty, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        """Say which version of the real plugin this stands in for."""
        return plugin_pb2.PluginInfo(version=self._version)

    @override
    def GetSchema(self, request: provider_pb2.GetSchemaRequest, context: grpc.ServicerContext) -> NoReturn:
        """Refused: programs use the installed Python SDK, and nothing here generates another."""
        context.abort(
            grpc.StatusCode.UNIMPLEMENTED, not_implemented(self._provider.name, "the package schema")
        )

    def CheckConfig(  # noqa: N802
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        """Validate the provider resource's inputs."""
        failures = self._provider.check_configuration(self._plain(request.news, context))
        return provider_pb2.CheckResponse(inputs=request.news, failures=_check_failures(failures))

    def DiffConfig(  # noqa: N802
        self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        """Compare two configurations of the provider."""
        old_inputs = self._plain(
            request.old_inputs if request.HasField("old_inputs") else request.olds, context
        )
        with _answered_errors(context):
            return _diff_response(
                self._provider.diff_configuration(old_inputs, self._plain(request.news, context)),
                detailed=False,
            )

    def Configure(  # noqa: N802
        self, request: provider_pb2.ConfigureRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConfigureResponse:
        """Take the configuration."""
        with _answered_errors(context):
            self._provider.configure(self._plain(request.args, context), self._engine.log)
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    def Invoke(  # noqa: N802
        self, request: provider_pb2.InvokeRequest, context: grpc.ServicerContext
    ) -> provider_pb2.InvokeResponse:
        """Call a function; the result is not secret, as in the real plugins."""
        function = self._provider.function(request.tok)
        if function is None:
            context.abort(
                grpc.StatusCode.UNIMPLEMENTED,
                not_implemented(self._provider.name, f"the function {request.tok}"),
            )
        arguments = self._plain(request.args, context)
        response = provider_pb2.InvokeResponse()
        with _answered_errors(context):
            getattr(response, "return").CopyFrom(to_struct(function(arguments)))
        return response

    def Check(  # noqa: N802
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        """Validate a resource's inputs and fill in defaults."""
        resource_type = self._resource_type(request.urn, context)
        news = self._properties(request.news, context)
        resource = Resource(request.urn, random_seed=request.randomSeed)
        with _answered_errors(context):
            checked = resource_type.check(resource, self._plain(request.olds, context), plain_map(news))
        return provider_pb2.CheckResponse(
            inputs=to_struct(_with_secrets(checked.inputs, news, {})),
            failures=_check_failures(checked.failures),
        )

    def Diff(  # noqa: N802
        self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        """Compare new inputs with the recorded resource."""
        resource_type = self._resource_type(request.urn, context)
        with _answered_errors(context):
            difference = resource_type.diff(
                self._plain(request.olds, context),
                self._plain(request.old_inputs, context),
                self._plain(request.news, context),
            )
        return _diff_response(difference, detailed=True)

    def Create(  # noqa: N802
        self, request: provider_pb2.CreateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CreateResponse:
        """Make a resource, or foretell its state in a preview."""
        resource_type = self._resource_type(request.urn, context)
        inputs = self._properties(request.properties, context)
        resource = Resource(request.urn, timeout_seconds=request.timeout)
        with _answered_errors(context, inputs, resource_type.mirrored_inputs):
            created = resource_type.create(resource, plain_map(inputs), preview=request.preview)
        state = _with_secrets(created.state, inputs, resource_type.mirrored_inputs)
        return provider_pb2.CreateResponse(id=created.identifier, properties=to_struct(state))

    def Read(  # noqa: N802
        self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ReadResponse:
        """Look at a resource, on refresh or import."""
        resource_type = self._resource_type(request.urn, context)
        inputs = self._properties(request.inputs, context)
        old_state = self._plain(request.properties, context)
        with _answered_errors(context):
            found = resource_type.read(Resource(request.urn), request.id, old_state, plain_map(inputs))
        if found is None:
            return provider_pb2.ReadResponse()
        return provider_pb2.ReadResponse(
            id=found.identifier,
            properties=to_struct(_with_secrets(found.state, inputs, resource_type.mirrored_inputs)),
            inputs=to_struct(_with_secrets(found.inputs, inputs, {})),
        )

    def Update(  # noqa: N802
        self, request: provider_pb2.UpdateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.UpdateResponse:
        """Change a resource, or foretell its state in a preview."""
        resource_type = self._resource_type(request.urn, context)
        inputs = self._properties(request.news, context)
        resource = Resource(request.urn, timeout_seconds=request.timeout)
        old_state = self._plain(request.olds, context)
        with _answered_errors(context, inputs, resource_type.mirrored_inputs):
            state = resource_type.update(
                resource, request.id, old_state, plain_map(inputs), preview=request.preview
            )
        return provider_pb2.UpdateResponse(
            properties=to_struct(_with_secrets(state, inputs, resource_type.mirrored_inputs))
        )

    def Delete(  # noqa: N802
        self, request: provider_pb2.DeleteRequest, context: grpc.ServicerContext
    ) -> Empty:
        """Remove a resource."""
        resource_type = self._resource_type(request.urn, context)
        resource = Resource(request.urn, timeout_seconds=request.timeout)
        with _answered_errors(context):
            resource_type.delete(resource, request.id, self._plain(request.properties, context))
        return Empty()

    @override
    def Cancel(self, request: Empty, context: grpc.ServicerContext) -> Empty:
        """End what is under way."""
        self._provider.cancel()
        return Empty()

    def _resource_type(self, urn: str, context: grpc.ServicerContext) -> ResourceType:
        token = urn.split("::")[2].rpartition("$")[2]
        resource_type = self._provider.resource_type(token)
        if resource_type is None:
            context.abort(
                grpc.StatusCode.UNIMPLEMENTED,
                not_implemented(self._provider.name, f"the resource type {token}"),
            )
        return resource_type

    def _properties(self, struct: Struct, context: grpc.ServicerContext) -> PropertyMap:
        try:
            return from_struct(struct, NULL if self._provider.keeps_nulls else None)
        except PropertyValueError as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))

    def _plain(self, struct: Struct, context: grpc.ServicerContext) -> PropertyMap:
        return plain_map(self._properties(struct, context))


class _answered_errors:  # noqa: N801 - used as a function
    """Turns a provider's errors into gRPC statuses; ``inputs`` tell which parts of a partial state are
    secret.
    """

    def __init__(
        self,
        context: grpc.ServicerContext,
        inputs: PropertyMap | None = None,
        mirrored_inputs: Mapping[str, str] | None = None,
    ) -> None:
        self._context = context
        self._inputs = inputs or {}
        self._mirrored_inputs = mirrored_inputs or {}

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, PartialFailureError):
            state = _with_secrets(error.state, self._inputs, self._mirrored_inputs)
            self._context.abort_with_status(_partial_failure(error, state))
        elif isinstance(error, ProviderError):
            self._context.abort(grpc.StatusCode.UNKNOWN, str(error))


class _RichStatus(grpc.Status):
    """A status with details, which gRPC carries in a trailer of this name."""

    def __init__(self, message: str, serialized: bytes) -> None:
        self.code = grpc.StatusCode.UNKNOWN
        self.details = message
        self.trailing_metadata = (("grpc-status-details-bin", serialized),)


def _partial_failure(error: PartialFailureError, state: PropertyMap) -> grpc.Status:
    detail = AnyMessage()
    detail.Pack(
        provider_pb2.ErrorResourceInitFailed(
            id=error.identifier, properties=to_struct(state), reasons=[str(error)]
        )
    )
    status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=str(error), details=[detail])
    return _RichStatus(str(error), status.SerializeToString())


def _with_secrets(
    target: PropertyMap, inputs: PropertyMap, mirrored_inputs: Mapping[str, str]
) -> PropertyMap:
    secrets: dict[str, PropertyValue] = dict(inputs)
    secrets.update((output, inputs[name]) for output, name in mirrored_inputs.items() if name in inputs)
    return {
        name: value if isinstance(value, Secret) else with_secrets_of(value, secrets.get(name))
        for name, value in target.items()
    }


def _check_failures(failures: tuple[CheckFailure, ...]) -> list[provider_pb2.CheckFailure]:
    return [
        provider_pb2.CheckFailure(property=failure.property_path, reason=failure.reason)
        for failure in failures
    ]


def _diff_response(difference: Difference, *, detailed: bool) -> provider_pb2.DiffResponse:
    """List every path if ``detailed``; of a provider's own configuration the engine wants plain names."""
    response = provider_pb2.DiffResponse(
        changes=provider_pb2.DiffResponse.DIFF_SOME
        if difference.changes
        else provider_pb2.DiffResponse.DIFF_NONE,
        replaces=[path for path, change in difference.changes.items() if change.replaces],
        diffs=sorted({path.split(".")[0].split("[")[0] for path in difference.changes}),
        deleteBeforeReplace=difference.delete_before_replace,
        hasDetailedDiff=detailed,
    )
    if detailed:
        for path, change in difference.changes.items():
            response.detailedDiff[path].kind = _CHANGE_KINDS[change.kind, change.replaces]
            response.detailedDiff[path].inputDiff = change.of_input
    return response


def serve(provider: Provider, *, version: str, engine_address: str) -> None:
    """Serve the provider on a free loopback port, whose number is the first line on stdout, until the engine
    is gone.

    The engine gives its own address as the last argument, and ends its plugins by a signal; a plugin whose
    engine was killed notices that its parent has changed.
    """
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=16), options=_MESSAGE_SIZES)
    service = ProviderService(provider, Engine(engine_address), version)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    parent = os.getppid()

    def stop(_number: int, _frame: FrameType | None) -> None:
        provider.cancel()
        server.stop(grace=None)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    while server.wait_for_termination(timeout=_PARENT_CHECK_SECONDS) and os.getppid() == parent:
        pass
    provider.cancel()
    # The process ends here. Looking once more through botocore's many objects for what could be freed would
    # hold up the engine, which waits for each plugin in turn.
    gc.freeze()
