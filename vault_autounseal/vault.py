"""Declares the component of a Vault for programs of other people."""

import contextlib
import json
import weakref
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import pulumi
from pulumi.runtime.settings import get_root_resource, set_root_resource

from components.deployment import deploy_vault
from components.errors import DeploymentError, SettingsError
from components.operating_system import require_supported_system
from components.resource_types import PACKAGED_VAULT
from components.settings.load import PACKAGE_NAMESPACE, load_settings

TYPE = PACKAGED_VAULT
_SECRETS = ("token", "adoptedKeys")


class Vault(pulumi.ComponentResource):
    """A Vault that is initialised, unseals itself and is highly available.

    A stack has one. Its resources are children of this one, and have an alias at the root of the stack: there
    a clone of vault-autounseal has them, so a stack that it deployed goes over to this without a replacement.

    Each output is an attribute as well, such as ``vault.cluster_id``.
    """

    outputs: Mapping[str, pulumi.Input[Any]]
    """By the names that docs/settings.md has, and ``configuration_namespace``."""

    namespace: pulumi.Output[str]
    release_name: pulumi.Output[str]
    vault_version: pulumi.Output[str]
    cluster_id: pulumi.Output[str]
    user_interface: pulumi.Output[str]
    keys_location: pulumi.Output[str]
    root_token: pulumi.Output[str]
    """Secret; empty if the custody isn't the state."""

    _stacks: ClassVar["weakref.WeakSet[pulumi.Resource]"] = weakref.WeakSet()
    """Those that have a Vault already."""

    def __init__(
        self,
        name: str = "vault",
        settings: Mapping[str, object] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Register the whole deployment.

        ``settings`` are those of docs/settings.md by their names, with plain values and dictionaries for
        sections; what the stack's configuration has in namespace ``vault-autounseal`` goes before them. The
        secrets `token` and `adoptedKeys` are in the configuration alone. Raises :class:`SettingsError`, and
        :class:`DeploymentError` for a second Vault in a stack.
        """
        require_supported_system()
        stack = get_root_resource()
        if stack is None or stack in self._stacks:
            raise DeploymentError(
                "A stack has one Vault, and this program has another one already. Give it a stack of its own."
            )
        # Before any resource, so that wrong settings leave nothing half-made.
        loaded = load_settings(PACKAGE_NAMESPACE, _as_configured(settings or {}))
        self._stacks.add(stack)
        aliased = pulumi.ResourceOptions(transformations=[self._adopt])
        super().__init__(TYPE, name, None, pulumi.ResourceOptions.merge(opts, aliased))
        with _children_of(self, stack):
            outputs = deploy_vault(loaded)
        self.outputs = {**outputs, "configuration_namespace": PACKAGE_NAMESPACE}
        for output, value in outputs.items():
            setattr(self, output, pulumi.Output.from_input(value))
        self.register_outputs({})

    def export(self) -> None:
        """Export the outputs as those of the stack, which `python -m components <command>` reads."""
        for name, output in self.outputs.items():
            pulumi.export(name, output)

    def _adopt(self, args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        """Give a direct child an alias at the stack's root, and have what depends on this wait for it."""
        if args.resource is self or args.opts.parent is not None:
            return None
        # As the SDK does for a parent in the options. These are what a dependency on a component is.
        self._childResources.add(args.resource)
        at_root = pulumi.ResourceOptions(aliases=[pulumi.Alias(parent=pulumi.ROOT_STACK_RESOURCE)])
        return pulumi.ResourceTransformationResult(
            args.props, pulumi.ResourceOptions.merge(args.opts, at_root)
        )


@contextlib.contextmanager
def _children_of(component: pulumi.Resource, stack: pulumi.Resource) -> Iterator[None]:
    """Make what is registered meanwhile without a parent the component's, not the stack's.

    The chapters name no parent, as in the program of this repository they have none.
    """
    set_root_resource(component)
    try:
        yield
    finally:
        set_root_resource(stack)


def _as_configured(settings: Mapping[str, object]) -> Mapping[str, str]:
    """Return settings in the form of Pulumi's configuration: texts, everything else as JSON.

    Raises :class:`SettingsError` for what can't be given so.
    """
    configured: dict[str, str] = {}
    problems: list[str] = []
    for key, value in settings.items():
        if key in _SECRETS:
            problems.append(
                f"{key} is a secret, and would be in the program's text: pulumi config set --secret "
                f"{PACKAGE_NAMESPACE}:{key}"
            )
        elif value is not None:
            try:
                configured[key] = value if isinstance(value, str) else json.dumps(value)
            except TypeError:
                problems.append(
                    f"{key} has something else than texts, numbers, flags, lists and dictionaries: settings "
                    "have to be known before anything is deployed, so no output can be one"
                )
    if problems:
        raise SettingsError(problems)
    return configured
