"""Judges what a Vault needs to be run for years: an audit that can't stop it, and snapshots."""

from collections.abc import Iterator, Mapping, Sequence

from .init import has_vault
from .resource import Circumstances, Resource, Rule, StackRule, Unknown, value_at
from .types import (
    AUDIT_DEVICES,
    AWS_BUCKET_ENCRYPTION,
    CRON_JOB,
    GOOGLE_BUCKET,
    OPERATOR_INIT,
    SNAPSHOT_ACCESS,
)

_FEWEST_DEVICES = 2


def few_audit_devices(resources: Sequence[Resource], _circumstances: Circumstances) -> Sequence[str]:
    """Return that requests aren't audited, or that one device that fails would stop Vault."""
    if not has_vault(resources):
        return []
    found = [resource.value("devices") for resource in resources if resource.type == AUDIT_DEVICES]
    if not found:
        return ["no request is audited"]
    return [
        "there are less than two audit devices: Vault answers no request if its only one can't be written to"
        for devices in found
        if not isinstance(devices, Unknown) and _count(devices) < _FEWEST_DEVICES
    ]


def no_snapshots(resources: Sequence[Resource], _circumstances: Circumstances) -> Sequence[str]:
    """Return that nothing takes snapshots of Vault's data."""
    if not has_vault(resources) or any(_takes_snapshots(resource) for resource in resources):
        return []
    return ["nothing takes snapshots: with the volumes everything is lost"]


def shared_keys(resources: Sequence[Resource], _circumstances: Circumstances) -> Sequence[str]:
    """Return what keeps snapshots under the key that unseals Vault."""
    unseal_keys = [resource.value("seal_key") for resource in resources if resource.type == OPERATOR_INIT]
    known = [key for key in unseal_keys if isinstance(key, str) and key]
    return [
        f"{resource.name}: snapshots are kept under the key that unseals Vault, and would be lost with it"
        for resource in resources
        if any(key in known for key in _keys_of_kept(resource))
    ]


def _keys_of_kept(resource: Resource) -> Iterator[object]:
    """Yield the keys under which a resource keeps, or has kept, snapshots."""
    if resource.type == GOOGLE_BUCKET:
        yield resource.value("encryption", "defaultKmsKeyName")
    elif resource.type == AWS_BUCKET_ENCRYPTION:
        for rule in _sequence(resource.value("rules")):
            yield value_at(rule, "applyServerSideEncryptionByDefault", "kmsMasterKeyId")
    elif resource.type == CRON_JOB:
        pod = resource.value("spec", "jobTemplate", "spec", "template", "spec")
        for container in _sequence(value_at(pod, "containers")):
            for variable in _sequence(value_at(container, "env")):
                yield value_at(variable, "value")


def _sequence(value: object) -> Sequence[object]:
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()


def _count(devices: object) -> int:
    return len(devices) if isinstance(devices, Mapping | Sequence) and not isinstance(devices, str) else 0


def _takes_snapshots(resource: Resource) -> bool:
    if resource.type == CRON_JOB:
        return "snapshot" in resource.name and resource.value("spec", "suspend") is not True
    return resource.type == SNAPSHOT_ACCESS


RULES: Sequence[Rule] = (
    StackRule(
        "audited-twice",
        "Requests are audited, by two devices at least.",
        "Enable two audit devices, such as a file on a volume of its own and the log of the pod.",
        judge=few_audit_devices,
    ),
    StackRule(
        "snapshots-taken",
        "Snapshots of Vault's data are taken.",
        "Take snapshots on a schedule, to a place that is lost with neither the cluster nor the unseal key.",
        judge=no_snapshots,
    ),
    StackRule(
        "snapshots-own-key",
        "Snapshots are under another key than Vault.",
        "Give another key, or none, to what keeps them: snapshots.kmsKey.",
        judge=shared_keys,
    ),
)
