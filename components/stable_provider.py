"""Declares the base class of the dynamic providers: no edit of its code ever touches its resource."""

import contextlib
import functools
import gc
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, ParamSpec, TypeVar

import pulumi
from pulumi.dynamic import ConfigureRequest, DiffResult, Resource, ResourceProvider, UpdateResult

from components.errors import DeploymentError

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

RUN_BEGAN = datetime.now(UTC)
"""When this provider host began: before the release was changed, as one of its providers checks that."""

_FRAMES = 1000
"""More than there are; unlike the process's own limit it is for one call."""


_METHODS = ("check", "create", "delete", "diff", "read", "update")


def _traced_if_unforeseen(method: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Print the stack trace of errors that don't explain themselves, which the host leaves out."""

    @functools.wraps(method)
    def wrapper(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        try:
            return method(*args, **kwargs)
        except DeploymentError:
            raise
        except Exception:
            # Nobody may read it any more, as with the lines on progress.
            with contextlib.suppress(OSError):
                traceback.print_exc(limit=_FRAMES)
            raise

    return wrapper


PROVIDER_KEY = "__provider"
"""The property in which Pulumi keeps the serialised provider (pulumi/dynamic/dynamic.py)."""


class StableProvider(ResourceProvider):
    """Compares the resource's inputs, and never asks for a replacement.

    By Pulumi's default a changed ``__provider``, the serialised provider, replaces the resource. Here it is a
    reference to the class, which no edit changes. If the class has moved to another module, that makes an
    update, so that the state names the new one: refresh and destroy load the module that the state names.
    """

    # The classes are pickled by reference and capture nothing, so they contain no secrets.
    serialize_as_secret_always = False

    inputs: ClassVar[Sequence[str]]
    """Names of the properties that are compared."""

    def __init_subclass__(cls) -> None:
        """Keep the stack trace of unforeseen errors in the methods that the provider host calls."""
        super().__init_subclass__()
        for name in _METHODS:
            if name in cls.__dict__:
                setattr(cls, name, _traced_if_unforeseen(cls.__dict__[name]))

    def configure(self, req: ConfigureRequest) -> None:
        """Prepare the provider host, which is a process of its own.

        It sends ``traceback.format_exc()`` of each error to the engine (pulumi/dynamic/__main__.py), which
        omits the frames if the limit is 0: most errors explain themselves. The modules that it has imported
        are excluded from garbage collection, as it ends with the command, and another collection of them
        would take a quarter of a second of it.
        """
        super().configure(req)
        sys.tracebacklimit = 0
        gc.freeze()

    def input_values(self, props: Mapping[str, Any]) -> dict[str, Any]:
        """Return the compared properties alone."""
        return {name: props[name] for name in self.inputs}

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Record changed inputs and keep every output; Pulumi's default would drop the outputs."""
        kept = {name: value for name, value in _olds.items() if name != PROVIDER_KEY}
        return UpdateResult({**kept, **self.input_values(_news)})

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Return a change if an input differs, or the module of the provider's class."""
        changed = any(_olds.get(name) != _news.get(name) for name in (*self.inputs, PROVIDER_KEY))
        return DiffResult(changes=changed, replaces=[], stables=[], delete_before_replace=False)


def is_known_text(value: object) -> bool:
    """Return whether a property is a text that isn't empty; in a preview it may be unknown yet."""
    return isinstance(value, str) and value != ""


class StableResource(Resource):
    """A resource of a :class:`StableProvider`."""

    def __init__(
        self,
        provider: StableProvider,
        name: str,
        properties: Mapping[str, Any],
        opts: pulumi.ResourceOptions | None,
        *,
        secret_outputs: Sequence[str] = (),
    ) -> None:
        # Python's dynamic provider host doesn't mark secrets, so the engine has to know which outputs are
        # (pulumi/dynamic/__main__.py, acceptSecrets).
        secrets = pulumi.ResourceOptions(additional_secret_outputs=[*secret_outputs])
        super().__init__(provider, name, {**properties}, pulumi.ResourceOptions.merge(secrets, opts))
