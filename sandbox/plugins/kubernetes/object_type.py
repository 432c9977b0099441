"""A kind of Kubernetes object as a resource type, as the real plugin treats each kind alike."""

import http.client
import secrets
import threading
import time
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import ClassVar

from typing_extensions import override

from sandbox.plugins.json_values import Json, from_json, from_json_object, to_json
from sandbox.plugins.kubernetes.api import (
    DELETE_UNREACHABLE,
    ApiError,
    KubernetesApi,
    UnreachableError,
    deletes_unreachable,
)
from sandbox.plugins.property_differences import differences, path_of
from sandbox.plugins.property_values import PropertyMap, PropertyValue, Unknown, contains_unknown
from sandbox.plugins.provider import (
    Change,
    Checked,
    CheckFailure,
    Created,
    Difference,
    EngineLog,
    Found,
    PartialFailureError,
    ProviderError,
    Resource,
    ResourceType,
    not_implemented,
)

AUTONAMED = "pulumi.com/autonamed"
PATCH_FORCE = "pulumi.com/patchForce"
_DELETION_SECONDS = 600.0
_POLL_SECONDS = 0.25


class KubernetesObject(ResourceType):
    """An object: created by a plain POST (an existing one is an error), updated by server-side apply.

    So does the real plugin since https://github.com/pulumi/pulumi-kubernetes/pull/4278.
    """

    kind: ClassVar[str]
    """The kind's name in Kubernetes."""
    api_version: ClassVar[str] = "v1"
    fields: ClassVar[frozenset[str]] = frozenset()
    """What can be given beside the metadata."""
    metadata_fields: ClassVar[frozenset[str]] = frozenset({"annotations", "labels", "name"})
    heeded_annotations: ClassVar[frozenset[str]] = frozenset()
    """Annotations that tell the real plugin something, and that are heeded here, too."""
    foretold_without: ClassVar[frozenset[str]] = frozenset({"AlreadyExists", "Forbidden"})
    """Why a dry run may be refused that tells nothing of the creation itself."""

    def __init__(self, api: KubernetesApi, log: EngineLog, cancelled: threading.Event) -> None:
        self._api = api
        self._log = log
        self._cancelled = cancelled

    @abstractmethod
    def collection(self, inputs: PropertyMap) -> str:
        """Return where the API server takes new objects."""

    @abstractmethod
    def path(self, identifier: str) -> str:
        """Return where the API server has an object."""

    @abstractmethod
    def place(self, properties: PropertyMap) -> str:
        """Return the id of an object."""

    @abstractmethod
    def replaced_by(self, steps: tuple[str | int, ...], old: PropertyMap) -> bool:
        """Tell if the change of a part of the inputs replaces the object."""

    def marked(self, properties: PropertyMap) -> PropertyMap:
        """Return inputs, or a state, with everything secret that always is; nothing by default."""
        return properties

    def wrong_fields(self, inputs: PropertyMap) -> Iterator[CheckFailure]:  # noqa: ARG002 - a hook
        """Return what is wrong with what is given beside the metadata; nothing by default."""
        yield from ()

    def recorded(self, live: Mapping[str, Json], inputs: PropertyMap, manager: str) -> PropertyMap:
        """Return the state: the object as it is, and what the next difference or update needs."""
        return self.marked(
            {
                **from_json_object(dict(live)),
                "__inputs": inputs,
                "__initialApiVersion": self.api_version,
                "__fieldManager": manager,
            }
        )

    def check(self, resource: Resource, old_inputs: PropertyMap, new_inputs: PropertyMap) -> Checked:
        """Refuse what is not implemented; name an object that has no name after the resource."""
        failures = list(self._refusals(new_inputs))
        metadata = new_inputs.get("metadata")
        if isinstance(metadata, Unknown):
            return Checked(new_inputs, tuple(failures))
        metadata = dict(metadata) if isinstance(metadata, dict) else {}
        if "name" not in metadata:
            _name_automatically(resource, old_inputs, metadata)
        rest = {name: new_inputs[name] for name in self.fields if name in new_inputs}
        own: PropertyMap = {"apiVersion": self.api_version, "kind": self.kind, "metadata": metadata}
        return Checked({**own, **rest}, tuple(failures))

    def diff(self, state: PropertyMap, old_inputs: PropertyMap, new_inputs: PropertyMap) -> Difference:
        """Compare what the cluster was last seen to have of the old inputs with the new ones."""
        recorded = state.get("__inputs")
        base = _pruned(state, recorded if isinstance(recorded, dict) else old_inputs)
        changes = {
            path_of(steps): Change(kind, replaces=steps == ("metadata",) or self.replaced_by(steps, base))
            for steps, kind in differences(base, new_inputs)
        }
        return Difference(
            changes,
            # Two objects of one name can't be there at once, so the old one has to make room first.
            delete_before_replace=any(change.replaces for change in changes.values())
            and not _is_autonamed(new_inputs)
            and self.place(base) == self.place(new_inputs),
        )

    def create(self, resource: Resource, inputs: PropertyMap, *, preview: bool) -> Created:
        """Create the object; a preview asks the API server for a dry run if it can be reached."""
        manager = f"pulumi-kubernetes-{secrets.token_hex(4)}"
        if preview:
            return Created("", self._foretold(inputs, manager))
        self._require_reachable()
        try:
            live = self._api.request(
                "POST", self.collection(inputs), to_json(inputs), query={"fieldManager": manager}
            )
        except (ApiError, UnreachableError) as error:
            raise ProviderError(
                f'resource "{resource.urn}" was not successfully created '
                f"by the Kubernetes API server: {error}"
            ) from error
        return Created(self.place(from_json_object(live)), self.recorded(live, inputs, manager))

    def _foretold(self, inputs: PropertyMap, manager: str) -> PropertyMap:
        if contains_unknown(inputs) or self._api.unreachable_reason is not None:
            return inputs
        try:
            live = self._api.request(
                "POST",
                self.collection(inputs),
                to_json(inputs),
                query={"fieldManager": manager, "dryRun": "All"},
            )
        except ApiError as error:
            if error.reason in self.foretold_without:
                return inputs
            raise
        live.pop("status", None)
        return self.recorded(live, inputs, manager)

    def read(
        self, resource: Resource, identifier: str, state: PropertyMap, inputs: PropertyMap
    ) -> Found | None:
        """Get the object; on import every field that can be given becomes an input."""
        if not self._api.readable(self._log, resource.urn):
            return None
        try:
            live = self._api.request("GET", self.path(identifier))
        except ApiError as error:
            if error.status == http.client.NOT_FOUND:
                return None
            raise
        manager = state.get("__fieldManager")
        if not inputs:
            metadata = live.get("metadata")
            kept = {
                name: value
                for name, value in (metadata.items() if isinstance(metadata, dict) else [])
                if name in self.metadata_fields
            }
            inputs = {"apiVersion": self.api_version, "kind": self.kind, "metadata": from_json(kept)}
            inputs.update((name, from_json(live[name])) for name in self.fields if name in live)
        new_inputs = _pruned(from_json_object(live), inputs)
        return Found(
            identifier,
            self.recorded(live, new_inputs, str(manager or f"pulumi-kubernetes-{secrets.token_hex(4)}")),
            self.marked(new_inputs),
        )

    def update(
        self, resource: Resource, identifier: str, state: PropertyMap, inputs: PropertyMap, *, preview: bool
    ) -> PropertyMap:
        """Apply the inputs on the server; a conflict with another field manager is an error.

        With the annotation for that the field is taken over (pulumi-kubernetes, `patchForce` of await.go).
        """
        manager = str(state.get("__fieldManager"))
        if preview:
            if contains_unknown(inputs) or self._api.unreachable_reason is not None:
                return inputs
            return {**state, **inputs}
        self._require_reachable()
        query = {"fieldManager": manager, "force": "true" if _forces(inputs) else "false"}
        try:
            self._take_over(identifier, manager)
            live = self._api.request(
                "PATCH",
                self.path(identifier),
                to_json(inputs),
                content_type="application/apply-patch+yaml",
                query=query,
            )
        except (ApiError, UnreachableError) as error:
            conflict = isinstance(error, ApiError) and error.reason == "Conflict"
            advice = (
                "Server-Side Apply field conflict detected. See https://www.pulumi.com/registry/packages/kubernetes/"
                "how-to-guides/managing-resources-with-server-side-apply/"
                "#handle-field-conflicts-on-existing-resources for troubleshooting help.\n"
                f'The resource managed by field manager "{manager}" had an apply conflict: '
            )
            message = f"{advice if conflict else ''}{error}"
            if isinstance(error, UnreachableError):
                raise ProviderError(f'update of resource "{resource.urn}" failed: {message}') from error
            raise PartialFailureError(
                f'the Kubernetes API server reported that "{identifier}" failed to fully initialize '
                f"or become live: {message}",
                identifier,
                self.marked({**state, "__inputs": inputs}),
            ) from error
        return self.recorded(live, inputs, manager)

    def _take_over(self, name: str, manager: str) -> None:
        """Make the fields which our POST has set our own for server-side apply.

        Kubernetes tells apart what one manager has set by ``Update`` (a POST is one) and by ``Apply``, and an
        apply would conflict with the former (Kubernetes, "Server-Side Apply", section "Upgrading from
        client-side apply").
        """
        live = self._api.request("GET", self.path(name))
        metadata = live.get("metadata")
        fields = metadata.get("managedFields") if isinstance(metadata, dict) else None
        if not isinstance(metadata, dict) or not isinstance(fields, list):
            return
        entries: list[dict[str, Json]] = [entry for entry in fields if isinstance(entry, dict)]
        ours = [entry for entry in entries if entry.get("manager") == manager and "subresource" not in entry]
        if [entry.get("operation") for entry in ours] != ["Update"]:
            return
        ours[0]["operation"] = "Apply"
        self._api.request(
            "PATCH",
            self.path(name),
            [
                {"op": "replace", "path": "/metadata/managedFields", "value": list[Json](entries)},
                {
                    "op": "replace",
                    "path": "/metadata/resourceVersion",
                    "value": metadata.get("resourceVersion"),
                },
            ],
            content_type="application/json-patch+json",
        )

    @override
    def delete(self, resource: Resource, identifier: str, state: PropertyMap) -> None:
        """Delete the object and wait until it is gone, with all that was in it."""
        if (reason := self._api.unreachable_reason) is not None:
            self._log("warning", f"configured Kubernetes cluster is unreachable: {reason}", resource.urn)
            if deletes_unreachable():
                return
            raise ProviderError(f"configured Kubernetes cluster is unreachable. {DELETE_UNREACHABLE}")
        try:
            self._api.request(
                "DELETE",
                self.path(identifier),
                {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Foreground"},
            )
            deadline = time.monotonic() + (resource.timeout_seconds or _DELETION_SECONDS)
            while True:
                live = self._api.request("GET", self.path(identifier))
                if self._cancelled.wait(_POLL_SECONDS):
                    raise ProviderError(f"the deletion of the {self.kind.lower()} {identifier} was cancelled")
                if time.monotonic() > deadline:
                    raise ProviderError(
                        f'timed out waiting for {self.kind.lower()} "{identifier}" to be deleted: '
                        f"{_remaining(live)}"
                    )
        except ApiError as error:
            if error.status != http.client.NOT_FOUND:
                raise

    def _require_reachable(self) -> None:
        if (reason := self._api.unreachable_reason) is not None:
            raise ProviderError(f"configured Kubernetes cluster is unreachable: {reason}")

    def _refusals(self, inputs: PropertyMap) -> Iterator[CheckFailure]:
        for name, value in inputs.items():
            if name in {"apiVersion", "kind"}:
                expected = self.api_version if name == "apiVersion" else self.kind
                if value != expected:
                    yield CheckFailure(name, f"expected {expected}, got {value}")
            elif name != "metadata" and name not in self.fields:
                what = f"the property {name} of a {self.kind}"
                yield CheckFailure(name, not_implemented("kubernetes", what))
        yield from self.wrong_fields(inputs)
        metadata = inputs.get("metadata")
        if isinstance(metadata, dict):
            yield from self._wrong_metadata(metadata)
        elif metadata is not None and not isinstance(metadata, Unknown):
            yield CheckFailure("metadata", "expected an object")

    def _tells_the_plugin(self, annotation: str) -> bool:
        return annotation.startswith("pulumi.com/") and annotation not in {
            PATCH_FORCE,
            *self.heeded_annotations,
        }

    def _wrong_metadata(self, metadata: PropertyMap) -> Iterator[CheckFailure]:
        for name, value in metadata.items():
            path = f"metadata.{name}"
            if name not in self.metadata_fields:
                yield CheckFailure(path, not_implemented("kubernetes", f"{path} of a {self.kind}"))
            elif name in {"name", "namespace"}:
                if not isinstance(value, str | Unknown):
                    yield CheckFailure(path, "expected a string")
            elif isinstance(value, dict):
                for key, text in value.items():
                    if not isinstance(text, str | Unknown):
                        yield CheckFailure(path_of(("metadata", name, key)), "expected a string")
                    if name == "annotations" and self._tells_the_plugin(key):
                        reason = not_implemented("kubernetes", f"the annotation {key}")
                        yield CheckFailure(path_of(("metadata", name, key)), reason)
            elif not isinstance(value, Unknown):
                yield CheckFailure(path, "expected an object")


def _forces(inputs: PropertyMap) -> bool:
    metadata = inputs.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    return isinstance(annotations, dict) and annotations.get(PATCH_FORCE) == "true"


def _name_automatically(
    resource: Resource, old_inputs: PropertyMap, metadata: dict[str, PropertyValue]
) -> None:
    """Add the old inputs' name if it was an automatic one, or else a new one, with the annotation that marks
    it.
    """
    old = old_inputs.get("metadata")
    if isinstance(old, dict) and _is_autonamed(old_inputs):
        metadata["name"] = old["name"]
    else:
        digits = resource.random_seed.hex()[:8] or secrets.token_hex(4)
        metadata["name"] = f"{resource.name}-{digits}"
    given = metadata.get("annotations")
    metadata["annotations"] = {**(given if isinstance(given, dict) else {}), AUTONAMED: "true"}


def _is_autonamed(inputs: PropertyMap) -> bool:
    metadata = inputs.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    return isinstance(annotations, dict) and annotations.get(AUTONAMED) == "true"


def _remaining(live: dict[str, Json]) -> str:
    """Return what the namespace controller says of the content that is left."""
    status = live.get("status")
    conditions = status.get("conditions") if isinstance(status, dict) else None
    messages = [
        str(condition.get("message"))
        for condition in (conditions if isinstance(conditions, list) else [])
        if isinstance(condition, dict) and condition.get("status") == "True"
    ]
    return "; ".join(messages) or "finalizers might be preventing deletion"


def _pruned(live: PropertyMap, shape: PropertyMap) -> PropertyMap:
    """Return the parts of ``live`` which are also in ``shape``.

    So the defaults that the API server adds, in the items of a list as well, are no changes
    (pulumi-kubernetes, provider/pkg/provider/provider_util.go).
    """
    return {
        name: _pruned_value(current, value)
        for name, value in shape.items()
        if (current := live.get(name)) is not None
    }


def _pruned_value(live: PropertyValue, shape: PropertyValue) -> PropertyValue:
    if isinstance(live, dict) and isinstance(shape, dict):
        return _pruned(live, shape)
    if isinstance(live, list) and isinstance(shape, list):
        return [_pruned_value(item, like) for item, like in zip(live, shape, strict=False)]
    return live
