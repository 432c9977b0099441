"""What every dynamic provider here has in common: no edit of its code ever touches its resource."""

import functools
import gc
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, ParamSpec, TypeVar

import pulumi
from pulumi.dynamic import ConfigureRequest, DiffResult, Resource, ResourceProvider, UpdateResult

from components.errors import DeploymentError

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def report_without_trace(method: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Keeps the stack trace off errors that explain themselves.

    The dynamic provider host sends ``traceback.format_exc()`` to the engine
    (pulumi/dynamic/__main__.py); that leaves out the frames when the limit is 0. Errors that nobody
    foresaw keep their trace.
    """

    @functools.wraps(method)
    def wrapper(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        # The limit holds for the whole process, and may be left over from an earlier error.
        sys.tracebacklimit = 1000
        try:
            return method(*args, **kwargs)
        except DeploymentError:
            sys.tracebacklimit = 0
            raise

    return wrapper


PROVIDER_KEY = "__provider"
"""The property in which Pulumi keeps the serialised provider (pulumi/dynamic/dynamic.py)."""


class StableProvider(ResourceProvider):
    """Compares the resource's inputs, and never asks for a replacement.

    By Pulumi's default a changed ``__provider``, the serialised provider, replaces the resource. Here it is a
    reference to the class, which no edit changes. Where the class has moved to another module, it makes an
    update, so that the state names the new one: refresh and destroy load what the state names.
    """

    # The classes pickle by reference and capture nothing, so there is nothing to hide in them.
    serialize_as_secret_always = False

    inputs: ClassVar[Sequence[str]]
    """Names of the properties that are compared."""

    def configure(self, req: ConfigureRequest) -> None:
        """Keep the garbage collector off what the provider host has imported, for as long as the host runs.

        The host ends with the command. Looking through all that once more for what could be freed would
        take a quarter of a second of it.
        """
        super().configure(req)
        gc.freeze()

    def input_values(self, props: Mapping[str, Any]) -> dict[str, Any]:
        """Return the compared properties alone."""
        return {name: props[name] for name in self.inputs}

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Record changed inputs and keep every output; Pulumi's default would drop the outputs."""
        kept = {name: value for name, value in _olds.items() if name != PROVIDER_KEY}
        return UpdateResult({**kept, **self.input_values(_news)})

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Whether an input differs, or the place of the provider's class."""
        changed = any(_olds.get(name) != _news.get(name) for name in (*self.inputs, PROVIDER_KEY))
        return DiffResult(changes=changed, replaces=[], stables=[], delete_before_replace=False)


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
        # Python's dynamic provider host doesn't keep secrets apart, so the engine is told which outputs are
        # (pulumi/dynamic/__main__.py, acceptSecrets).
        secrets = pulumi.ResourceOptions(additional_secret_outputs=[*secret_outputs])
        super().__init__(provider, name, {**properties}, pulumi.ResourceOptions.merge(secrets, opts))
