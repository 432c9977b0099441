"""What a provider plugin is made of, free of the wire protocol: a configuration, resource types and
functions.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from sandbox.errors import SandboxError
from sandbox.plugins.property_differences import Kind, differences, path_of
from sandbox.plugins.property_values import PropertyMap

Severity = Literal["info", "warning"]


class ProviderError(SandboxError):
    """An operation failed; the message is what the engine shows."""


class PartialFailureError(ProviderError):
    """The resource exists, but not as it was asked for; the engine records it with the reason and tries again
    later.
    """

    def __init__(self, message: str, identifier: str, state: PropertyMap) -> None:
        super().__init__(message)
        self.identifier = identifier
        self.state = state


@dataclass(frozen=True)
class CheckFailure:
    """One thing wrong with the inputs of a resource, at a property path (empty: the resource as a whole)."""

    property_path: str
    reason: str


@dataclass(frozen=True)
class Checked:
    """Inputs with defaults filled in, and everything wrong with them."""

    inputs: PropertyMap
    failures: tuple[CheckFailure, ...] = ()


@dataclass(frozen=True)
class Change:
    """One changed property. ``of_input`` says that inputs differ, not the recorded outputs."""

    kind: Kind
    replaces: bool = False
    of_input: bool = True


@dataclass(frozen=True)
class Difference:
    """Changes by property path; no changes: nothing to do."""

    changes: Mapping[str, Change] = field(default_factory=dict)
    delete_before_replace: bool = False


@dataclass(frozen=True)
class Created:
    """A new resource; in a preview the identifier is empty and outputs may be unknown."""

    identifier: str
    state: PropertyMap


@dataclass(frozen=True)
class Found:
    """A resource as it is now: its state, and the inputs which would lead to that state."""

    identifier: str
    state: PropertyMap
    inputs: PropertyMap


EngineLog = Callable[[Severity, str, str], None]
"""Shows the user a message (of a severity) beside the resource with that URN."""


@dataclass(frozen=True)
class Resource:
    """Which resource of the program an operation is about."""

    urn: str
    timeout_seconds: float = 0.0
    random_seed: bytes = b""

    @property
    def name(self) -> str:
        """The resource's name in the program."""
        return self.urn.rpartition("::")[2]


class ResourceType(ABC):
    """One resource type. All property maps are plain: secrets are unwrapped before and wrapped again
    afterwards.

    Operations raise :class:`ProviderError` when they fail with nothing made, :class:`PartialFailureError`
    otherwise.
    """

    token: ClassVar[str]
    mirrored_inputs: ClassVar[Mapping[str, str]] = {}
    """Outputs that repeat an input under another name, so that they are as secret as that input."""

    @abstractmethod
    def check(self, resource: Resource, old_inputs: PropertyMap, new_inputs: PropertyMap) -> Checked:
        """Validate the program's inputs and fill in defaults; ``old_inputs`` is empty for a new resource."""

    @abstractmethod
    def diff(self, state: PropertyMap, old_inputs: PropertyMap, new_inputs: PropertyMap) -> Difference:
        """Compare checked inputs with what is recorded."""

    @abstractmethod
    def create(self, resource: Resource, inputs: PropertyMap, *, preview: bool) -> Created:
        """Make the resource, or foretell its state."""

    @abstractmethod
    def read(
        self, resource: Resource, identifier: str, state: PropertyMap, inputs: PropertyMap
    ) -> Found | None:
        """Look at the resource (state and inputs are empty on import); ``None`` if it is gone."""

    @abstractmethod
    def update(
        self, resource: Resource, identifier: str, state: PropertyMap, inputs: PropertyMap, *, preview: bool
    ) -> PropertyMap:
        """Bring an existing resource to new inputs; returns the new state."""

    @abstractmethod
    def delete(self, resource: Resource, identifier: str, state: PropertyMap) -> None:
        """Remove the resource; one that is gone already is no error."""


Function = Callable[[PropertyMap], PropertyMap]


class Provider(ABC):
    """A provider plugin: ``name`` is the package's name, as in ``pulumi:providers:<name>``."""

    name: ClassVar[str]
    keeps_nulls: ClassVar[bool] = False
    """Whether a null that the program gives is told from a value that isn't given."""

    @abstractmethod
    def check_configuration(self, inputs: PropertyMap) -> tuple[CheckFailure, ...]:
        """Return everything wrong with the provider resource's inputs."""

    def diff_configuration(self, old_inputs: PropertyMap, new_inputs: PropertyMap) -> Difference:
        """Compare two configurations; a change that replaces also replaces every resource of the provider.

        None replaces unless the provider says otherwise.
        """
        return Difference({path_of(path): Change(kind) for path, kind in differences(old_inputs, new_inputs)})

    @abstractmethod
    def configure(self, inputs: PropertyMap, log: EngineLog) -> None:
        """Take the configuration; values may be unknown in a preview."""

    @abstractmethod
    def resource_type(self, token: str) -> ResourceType | None:
        """Return the resource type of that token, if it is implemented."""

    @abstractmethod
    def function(self, token: str) -> Function | None:
        """Return the function of that token, if it is implemented."""

    @abstractmethod
    def cancel(self) -> None:
        """Stop what is being waited for; the engine is going away."""

    def refused(self, settings: Iterable[str]) -> list[CheckFailure]:
        """Return the failures of settings of the provider that aren't implemented."""
        return [
            CheckFailure(name, not_implemented(self.name, f"the provider's setting {name}"))
            for name in settings
        ]


def not_implemented(package: str, what: str) -> str:
    """Return the text with which a stand-in refuses what it does not implement."""
    return (
        f"{what} is not implemented by the sandbox's stand-in for the Pulumi provider plugin `{package}`; "
        f"it needs the real plugin (`pulumi plugin install resource {package}`), "
        "which the sandbox uses as soon as it is installed"
    )
