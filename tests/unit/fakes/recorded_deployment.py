"""Runs the program on Pulumi's mocks and records what it asked of the engine.

The engine's requests carry what the resource objects hide: parent, dependencies, provider, protection.
"""

import asyncio
import contextvars
import gc
import logging
import runpy
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pulumi
from google.protobuf import struct_pb2
from pulumi.output import Unknown
from pulumi.runtime import MockCallArgs, MockResourceArgs, Mocks, mocks, rpc, run_in_stack, set_all_config
from pulumi.runtime.settings import ROOT, SETTINGS

from sandbox.layout import REPOSITORY

PROJECT = "vault-autounseal"
STACK = "test"
READ_STATE = "pulumi:pulumi:readStackResourceOutputs"
"""The engine's own function that tells the outputs of the recorded resources."""


PROGRAM = REPOSITORY / "__main__.py"


@dataclass(frozen=True)
class Secret:
    """A value that reached the engine as a secret."""

    value: Any


@dataclass(frozen=True)
class Registration:
    """One resource, as the program asked the engine for it."""

    urn: str
    type: str
    name: str
    parent: str
    provider: str
    """`<urn>::<id>` of the provider; empty where the engine would take a default one."""
    dependencies: frozenset[str]
    """URNs of what has to exist before."""
    inputs: Mapping[str, Any]
    """What the program set; secrets as :class:`Secret`, unknown values left out."""
    protect: bool
    retain_on_delete: bool
    delete_before_replace: bool
    alias_parents: frozenset[str]
    """URNs of the parents under which states of earlier versions have the resource."""
    additional_secret_outputs: frozenset[str]
    import_id: str
    """Id of what exists already and is taken over; empty for what is made."""
    ignored_changes: frozenset[str]
    hooks_before_creation: frozenset[str]
    """Names of the hooks that the engine calls before it creates the resource."""


@dataclass
class Deployment:
    """What the engine was asked for, in the order of asking."""

    registrations: list[Registration] = field(default_factory=list)
    calls: list[MockCallArgs] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    """The stack's outputs; secrets as :class:`Secret`, unknown ones left out."""
    component_outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The outputs of components by the component's type, likewise."""
    log: list[str] = field(default_factory=list)

    def only(self, type_: str) -> Registration:
        """The one resource of that type."""
        (registration,) = self.of_type(type_)
        return registration

    def of_type(self, type_: str) -> list[Registration]:
        """Every resource of that type."""
        return [registration for registration in self.registrations if registration.type == type_]

    @property
    def types(self) -> list[str]:
        """The types in alphabetical order."""
        return sorted(registration.type for registration in self.registrations)

    def by_urn(self, urn: str) -> Registration:
        """The resource with that URN."""
        (registration,) = (entry for entry in self.registrations if entry.urn == urn)
        return registration

    def prerequisites(self, registration: Registration) -> set[str]:
        """Types of everything that exists before the resource does, however far ahead."""
        found: set[str] = set()
        ahead = list(registration.dependencies)
        while ahead:
            urn = ahead.pop()
            if urn not in found:
                found.add(urn)
                ahead.extend(self.by_urn(urn).dependencies)
        return {self.by_urn(urn).type for urn in found}


Answer = Mapping[str, Any]
NOT_FOUND: Answer = {"not found": True}
"""Answer of a look-up that finds nothing; the engine reports it as a failure of the call."""
REFUSAL = "refusal"
"""Key of an answer that is a failure, too: in the words that it has there."""


class _Cloud(Mocks):
    def __init__(
        self,
        deployment: Deployment,
        answers: Mapping[str, Answer],
        outputs: Callable[[MockResourceArgs], Mapping[str, Any]],
    ) -> None:
        self._deployment = deployment
        self._answers = answers
        self._outputs = outputs

    def call(self, args: MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        self._deployment.calls.append(args)
        answer = self._answers[args.token]
        if answer is NOT_FOUND:
            return {}, [("", f"reading {args.token}: couldn't find resource")]
        if REFUSAL in answer:
            return {}, [("", answer[REFUSAL])]
        return dict(answer), []

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        values = {**args.inputs, **self._outputs(args)}
        return str(values.pop("id", f"{args.name}-id")), values


class _RecordingMonitor(mocks.MockMonitor):
    def __init__(self, cloud: _Cloud, deployment: Deployment) -> None:
        super().__init__(cloud)
        self._deployment = deployment

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 (the engine's name for it)
        # Pulumi's mock monitor has no annotations.
        response = super().RegisterResource(request)  # type: ignore[no-untyped-call]
        if request.type != "pulumi:pulumi:Stack":
            self._deployment.registrations.append(
                Registration(
                    urn=response.urn,
                    type=request.type,
                    name=request.name,
                    parent=request.parent,
                    provider=request.provider,
                    dependencies=frozenset(request.dependencies),
                    inputs=_with_secrets(request.object),
                    protect=request.protect,
                    retain_on_delete=request.retainOnDelete,
                    delete_before_replace=request.deleteBeforeReplace,
                    alias_parents=frozenset(alias.spec.parentUrn for alias in request.aliases),
                    additional_secret_outputs=frozenset(request.additionalSecretOutputs),
                    import_id=request.importId,
                    ignored_changes=frozenset(request.ignoreChanges),
                    hooks_before_creation=frozenset(request.hooks.before_create),
                )
            )
            _hide_secret_outputs(response, request.additionalSecretOutputs)
        return response

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802 (the engine's name for it)
        type_ = request.urn.split("::")[2].rpartition("$")[2]
        outputs = _with_secrets(request.outputs)
        if type_ == "pulumi:pulumi:Stack":
            self._deployment.outputs.update(outputs)
        else:
            self._deployment.component_outputs[type_] = outputs
        # As above.
        return super().RegisterResourceOutputs(request)  # type: ignore[no-untyped-call]


def _with_secrets(properties: Any) -> dict[str, Any]:
    values: Mapping[str, Any] = rpc.deserialize_properties(properties)
    return {
        name: Secret(rpc.unwrap_rpc_secret(value)) if rpc.is_rpc_secret(value) else value
        for name, value in values.items()
        if not isinstance(value, Unknown)
    }


def _hide_secret_outputs(response: Any, names: Sequence[str]) -> None:
    """Does what the engine does with the outputs that a resource's options name as secret."""
    for name in names:
        if name in response.object and not rpc.is_rpc_secret(rpc.deserialize_property(response.object[name])):
            plain = struct_pb2.Value()
            plain.CopyFrom(response.object.fields[name])
            wrapped = response.object.get_or_create_struct(name)
            wrapped.Clear()
            wrapped.update(rpc.wrap_rpc_secret(None))
            wrapped.fields["value"].CopyFrom(plain)


class _LogLines(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(record.getMessage())


def deploy(
    configuration: Mapping[str, str],
    *,
    answers: Mapping[str, Answer],
    outputs: Callable[[MockResourceArgs], Mapping[str, Any]],
    secret_keys: Sequence[str] = (),
    preview: bool = False,
    program: Callable[[], None] | None = None,
) -> Deployment:
    """Runs ``program`` (the real one unless given) as the language host would.

    ``configuration`` has keys without the project's namespace, or with that of a provider, and values as
    Pulumi hands them on; ``answers`` are those of the functions by token, and the state has nothing without
    an answer; ``outputs`` adds to a resource's inputs what its provider computes, its ``id`` where that
    matters. Raises what the program raises.
    """
    deployment = Deployment()
    loops: list[asyncio.AbstractEventLoop] = []
    logger = logging.Logger("deployment", logging.INFO)
    logger.addHandler(_LogLines(deployment.log))

    async def run() -> None:
        asyncio.get_running_loop().set_default_executor(_threads(loops))
        cloud = _Cloud(deployment, {READ_STATE: {"outputs": {}}, **answers}, outputs)
        pulumi.runtime.set_mocks(
            cloud,
            project=PROJECT,
            stack=STACK,
            preview=preview,
            logger=logger,
            monitor=_RecordingMonitor(cloud, deployment),
        )
        # The mocks begin a stack of their own; the program gets one as the language host makes it.
        ROOT.set(None)
        # What a program leaves behind that failed in an output belongs to a loop that is closed.
        SETTINGS.outputs.clear()
        set_all_config(
            {_with_namespace(key): value for key, value in configuration.items()},
            [_with_namespace(key) for key in secret_keys],
        )
        await run_in_stack(program or _run_program)

    # Pulumi keeps its settings in context variables: a context of its own leaves nothing to the next test.
    # Nor does a loop that comes from a factory, where asyncio.run takes away the thread's own.
    try:
        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            runner.run(run(), context=contextvars.Context())
    finally:
        # The runner has ended their threads.
        for loop in loops:
            loop.close()
        # The program takes everything so far away from the collector.
        gc.unfreeze()
    return deployment


def _threads(loops: list[asyncio.AbstractEventLoop]) -> ThreadPoolExecutor:
    """Threads for the engine's requests, whose event loops join ``loops``.

    The mocks would give each thread one that nobody closes (pulumi/runtime/sync_await.py).
    """

    def begin() -> None:
        loops.append(asyncio.new_event_loop())
        asyncio.set_event_loop(loops[-1])

    return ThreadPoolExecutor(initializer=begin)


def _with_namespace(key: str) -> str:
    return key if ":" in key else f"{PROJECT}:{key}"


def _run_program() -> None:
    runpy.run_path(str(PROGRAM), run_name="__main__")
