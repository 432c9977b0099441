"""``kubernetes:helm.sh/v3:Release``, after the real plugin's ``provider/pkg/provider/helm_release.go``."""

import secrets
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from typing_extensions import override

from sandbox.plugins.json_values import Json, from_json, to_json
from sandbox.plugins.kubernetes.api import KubernetesApi
from sandbox.plugins.kubernetes.helm import ChartReference, Helm, HelmError, InstalledRelease
from sandbox.plugins.property_differences import Kind, differences, path_of
from sandbox.plugins.property_values import (
    UNKNOWN,
    PropertyMap,
    PropertyValue,
    Secret,
    Unknown,
    contains_unknown,
)
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

_DEFAULT_TIMEOUT_SECONDS = 300
_IMPLEMENTED: Mapping[str, type] = {
    "chart": str,
    "maxHistory": int,
    "name": str,
    "namespace": str,
    "repositoryOpts": dict,
    "skipAwait": bool,
    "timeout": int,
    "values": dict,
    "version": str,
}
_OTHER_TEXTS = ("description", "keyring", "postrender")
_OTHER_SWITCHES = (
    "allowNullValues",
    "atomic",
    "cleanupOnFail",
    "createNamespace",
    "dependencyUpdate",
    "devel",
    "disableCRDHooks",
    "disableOpenapiValidation",
    "disableWebhooks",
    "forceUpdate",
    "lint",
    "recreatePods",
    "renderSubchartNotes",
    "replace",
    "resetValues",
    "reuseValues",
    "skipCrds",
    "takeOwnership",
    "verify",
    "waitForJobs",
)
_OTHER_PROPERTIES = frozenset(
    {*_OTHER_TEXTS, *_OTHER_SWITCHES, "manifest", "resourceNames", "valueYamlFiles"}
)
_UNSET: PropertyMap = {
    **dict.fromkeys(_OTHER_SWITCHES, False),
    **dict.fromkeys(_OTHER_TEXTS, ""),
    "namespace": "",
    "skipAwait": False,
    "timeout": 0,
    "version": "",
}
"""The real plugin records every property, with these values where the program gives none."""


class Release(ResourceType):
    """A Helm release; its id is ``<namespace>/<name>``."""

    token = "kubernetes:helm.sh/v3:Release"  # noqa: S105 - a type's name

    def __init__(self, api: KubernetesApi, helm: Helm, log: EngineLog) -> None:
        self._api = api
        self._helm = helm
        self._log = log

    def check(self, resource: Resource, old_inputs: PropertyMap, new_inputs: PropertyMap) -> Checked:
        """Fill in name, namespace and timeout, and the exact version of the chart.

        The chart is loaded only once all inputs are known, as in the real plugin.
        """
        failures = list(_refusals(new_inputs))
        given = {name: value for name, value in new_inputs.items() if name != "compat"}
        if given.get("name", "") == "":
            old_name = old_inputs.get("name")
            given["name"] = old_name if old_name else f"{resource.name}-{secrets.token_hex(4)}"
        inputs: PropertyMap = {**_UNSET, "values": {}, **given}
        if inputs["namespace"] == "":
            inputs["namespace"] = self._api.settings.namespace
        if inputs["skipAwait"] is False and "timeout" not in given:
            inputs["timeout"] = _DEFAULT_TIMEOUT_SECONDS
        if not failures and not contains_unknown(inputs):
            try:
                inputs["version"] = self._helm.chart_version(_reference(inputs))
            except HelmError as error:
                failures.append(
                    CheckFailure("chart", f"{error}; check the chart name and repository configuration.")
                )
        return Checked(inputs, tuple(failures))

    def diff(self, state: PropertyMap, old_inputs: PropertyMap, new_inputs: PropertyMap) -> Difference:
        """Find what has to change in the recorded release, and which inputs are gone."""
        recorded = state.get("__inputs")
        before = recorded if isinstance(recorded, dict) else old_inputs
        changes = {
            path_of(steps): Change(
                kind, replaces=steps in {("name",), ("namespace",)}, of_input=kind == Kind.DELETE
            )
            for steps, kind in _merge_differences(before, state, new_inputs)
        }
        return Difference(changes)

    def create(self, resource: Resource, inputs: PropertyMap, *, preview: bool) -> Created:
        """Run `helm install`. A release that is there but did not become ready is recorded as such."""
        if preview:
            return Created("", _foretold(inputs))
        self._require_reachable("create")
        started = datetime.now(UTC)
        identifier = _identifier(inputs)
        try:
            release = self._helm.install(
                str(inputs["name"]),
                str(inputs["namespace"]),
                _reference(inputs),
                _values(inputs),
                wait=inputs["skipAwait"] is not True,
                timeout_seconds=_timeout(inputs),
            )
        except HelmError as error:
            failed = self._made_since(inputs, started)
            if failed is None:
                raise
            self._log(
                "warning",
                f'Helm release "{failed.name}" was created but has a failed status. Use the `helm` command '
                f"to investigate the error, correct it, then retry. Reason: {error}",
                resource.urn,
            )
            raise PartialFailureError(
                f'Helm release "{identifier}" was created, but failed to initialize completely. '
                f"Use Helm CLI to investigate: {_not_available(identifier, error)}",
                identifier,
                _checkpoint(inputs, inputs, failed),
            ) from error
        return Created(identifier, _checkpoint(inputs, inputs, release))

    @override
    def read(
        self, resource: Resource, identifier: str, state: PropertyMap, inputs: PropertyMap
    ) -> Found | None:
        """Run `helm status`. An imported release has the values that it was installed with."""
        if not self._api.readable(self._log, resource.urn):
            return None
        namespace, _, name = identifier.rpartition("/")
        release = self._helm.find(
            str(state.get("name", name)), str(state.get("namespace", namespace or "default"))
        )
        if release is None:
            return None
        recorded = state.get("__inputs")
        if not isinstance(recorded, dict):
            recorded = {
                **_UNSET,
                "chart": release.chart,
                "name": release.name,
                "namespace": release.namespace,
                "timeout": _DEFAULT_TIMEOUT_SECONDS,
                "values": from_json(release.values),
                "version": release.version,
            }
            state = recorded
        known = {
            name: value
            for name, value in state.items()
            if name not in {"__inputs", "resourceNames", "status"}
        }
        return Found(identifier, _checkpoint(recorded, known, release), recorded)

    @override
    def update(
        self, resource: Resource, identifier: str, state: PropertyMap, inputs: PropertyMap, *, preview: bool
    ) -> PropertyMap:
        """Run `helm upgrade`."""
        if preview:
            return _foretold(inputs)
        self._require_reachable("update")
        started = datetime.now(UTC)
        kept_revisions = inputs.get("maxHistory")
        try:
            release = self._helm.upgrade(
                str(inputs["name"]),
                str(inputs["namespace"]),
                _reference(inputs),
                _values(inputs),
                wait=inputs["skipAwait"] is not True,
                timeout_seconds=_timeout(inputs),
                kept_revisions=kept_revisions if isinstance(kept_revisions, int) else 0,
            )
        except HelmError as error:
            failed = self._made_since(inputs, started)
            if failed is None:
                raise
            raise PartialFailureError(
                f'Helm release "{identifier}" failed to initialize completely. '
                f"Use Helm CLI to investigate: {_not_available(identifier, error)}",
                identifier,
                _checkpoint(inputs, inputs, failed),
            ) from error
        return _checkpoint(inputs, inputs, release)

    @override
    def delete(self, resource: Resource, identifier: str, state: PropertyMap) -> None:
        """Run `helm uninstall`, waiting unless the release says not to; a missing release is an error.

        In an unreachable cluster it fails whatever the environment says (pulumi-kubernetes#2675).
        """
        if (reason := self._api.unreachable_reason) is not None:
            raise ProviderError(f'can\'t delete Helm Release with unreachable cluster. Reason: "{reason}"')
        information = self._helm.uninstall(
            str(state["name"]),
            str(state["namespace"]),
            wait=state.get("skipAwait") is not True,
            timeout_seconds=_timeout(state),
        )
        if information:
            self._log("warning", f'Helm uninstall returned information: "{information}"', resource.urn)

    def _require_reachable(self, doing: str) -> None:
        if (reason := self._api.unreachable_reason) is not None:
            raise ProviderError(f"can't {doing} Helm Release with unreachable cluster: {reason}")

    def _made_since(self, inputs: PropertyMap, started: datetime) -> InstalledRelease | None:
        """Return the release, if the operation that began then has made a revision of it before it failed."""
        release = self._helm.find(str(inputs["name"]), str(inputs["namespace"]))
        return release if release is not None and release.last_deployed >= started else None


def _refusals(inputs: PropertyMap) -> Iterator[CheckFailure]:
    if "chart" not in inputs:
        yield CheckFailure("chart", "missing required property 'chart'")
    for name, value in inputs.items():
        expected = _IMPLEMENTED.get(name)
        if name in _OTHER_PROPERTIES:
            if value not in (False, ""):
                yield CheckFailure(name, not_implemented("kubernetes", f"the property {name} of a Release"))
        elif expected is None:
            if (name, value) != ("compat", "true"):
                yield CheckFailure(name, f"a Release has no property {name}")
        elif isinstance(value, Unknown):
            continue
        elif not isinstance(value, expected) or (expected is int and isinstance(value, bool)):
            yield CheckFailure(
                name, f"decoding failure: expected type '{expected.__name__}', got unconvertible type"
            )
        elif name == "repositoryOpts" and isinstance(value, dict):
            for option in value.keys() - {"repo", "username", "password", "caFile"}:
                reason = not_implemented("kubernetes", f"repositoryOpts.{option} of a Release")
                yield CheckFailure(f"repositoryOpts.{option}", reason)


def _merge_differences(
    before: PropertyMap, state: PropertyMap, new: PropertyMap, steps: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], Kind]]:
    """Compare three ways: what is in ``new`` against the state, and what was in the old inputs and is no
    more.

    What only the state has was not the program's, and stays.
    """
    for name in sorted(new.keys() | before.keys()):
        old, current, wanted = before.get(name), state.get(name), new.get(name)
        if wanted is None:
            yield (*steps, name), Kind.DELETE
        elif isinstance(wanted, dict) and isinstance(current, dict):
            yield from _merge_differences(
                old if isinstance(old, dict) else {}, current, wanted, (*steps, name)
            )
        else:
            yield from differences(current, wanted, (*steps, name))


def _reference(inputs: PropertyMap) -> ChartReference:
    given = inputs.get("repositoryOpts")
    options = given if isinstance(given, dict) else {}
    return ChartReference(
        str(inputs["chart"]),
        str(inputs.get("version", "")),
        repository=str(options.get("repo") or ""),
        username=str(options.get("username") or ""),
        password=str(options.get("password") or ""),
        authority=str(options.get("caFile") or ""),
    )


def _timeout(properties: PropertyMap) -> int:
    timeout = properties.get("timeout")
    return timeout if isinstance(timeout, int) and timeout > 0 else _DEFAULT_TIMEOUT_SECONDS


def _identifier(inputs: PropertyMap) -> str:
    return f"{inputs['namespace']}/{inputs['name']}"


def _values(inputs: PropertyMap) -> dict[str, Json]:
    values = inputs.get("values")
    return {name: to_json(value) for name, value in values.items()} if isinstance(values, dict) else {}


def _not_available(identifier: str, error: HelmError) -> str:
    return f"failed to become available within allocated timeout. Error: Helm Release {identifier}: {error}"


def _foretold(inputs: PropertyMap) -> PropertyMap:
    return {**inputs, "__inputs": Secret(dict(inputs)), "resourceNames": UNKNOWN, "status": UNKNOWN}


def _checkpoint(inputs: PropertyMap, known: PropertyMap, release: InstalledRelease) -> PropertyMap:
    """Return the state of a release: what was asked for, with what the cluster tells."""
    return {
        **known,
        "__inputs": Secret(dict(inputs)),
        "resourceNames": _resource_names(release.manifest),
        "status": {
            "appVersion": release.app_version,
            "chart": release.chart,
            "name": release.name,
            "namespace": release.namespace,
            "revision": release.revision,
            "status": release.status,
            "version": release.version,
        },
        "values": _merged(known.get("values"), from_json(release.values)),
        "version": release.version,
    }


def _resource_names(manifest: str) -> PropertyMap:
    """Return the release's objects by ``<Kind>[.<group>]/<apiVersion>``, each as ``[<namespace>/]<name>``."""
    import yaml

    names: dict[str, set[str]] = {}
    for document in yaml.load_all(manifest, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        if not isinstance(document, dict) or "kind" not in document:
            continue
        version, metadata = str(document["apiVersion"]), document.get("metadata") or {}
        group = version.rpartition("/")[0]
        kind = f"{document['kind']}.{group}" if group else str(document["kind"])
        namespace = metadata.get("namespace")
        name = f"{namespace}/{metadata.get('name')}" if namespace else str(metadata.get("name"))
        names.setdefault(f"{kind}/{version}", set()).add(name)
    return {kind: list[PropertyValue](sorted(found)) for kind, found in sorted(names.items())}


def _merged(first: PropertyValue, second: PropertyValue) -> PropertyValue:
    """Two trees of values, the second winning."""
    if isinstance(first, dict) and isinstance(second, dict):
        return {
            name: _merged(first.get(name), second[name]) if name in second else first[name]
            for name in first.keys() | second.keys()
        }
    return first if second is None else second
