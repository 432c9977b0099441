"""Creates or imports the Google Cloud KMS key that Vault unseals with, and its key ring."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_gcp as gcp

from components.errors import DeploymentError
from components.google.project import KMS, ApiOffError, google_provider, look_up
from components.google.settings import KeySettings

SECONDS_OF_A_DAY = 24 * 60 * 60
PURPOSE = "ENCRYPT_DECRYPT"


@dataclass(frozen=True)
class ExistingKey:
    """The ring and key that exist already, created by this stack, by an earlier one or by a person."""

    ring_id: str | None = None
    """The ring's resource name in Google's APIs; None if it is still to be created."""
    key_id: str | None = None
    """The key's resource name; None if it is still to be created."""


@dataclass(frozen=True)
class GoogleUnsealKeyArgs:
    """The arguments of a :class:`GoogleUnsealKey`."""

    key: KeySettings
    """Names, rotation, time until destruction, and whether the key outlives the stack."""
    project: str
    existing: ExistingKey
    """What is imported instead of created."""
    protect: bool
    """Whether Pulumi refuses to delete ring and key."""
    labels: Mapping[str, str]
    """Labels of the key."""
    prerequisites: Sequence[pulumi.Resource]
    """APIs that must be enabled first, and the guard of the key."""


class GoogleUnsealKey(pulumi.ComponentResource):
    """The key ring and the key. Without the key every volume and every backup of Vault is unreadable.

    Google deletes neither a ring nor a key. Only a key's versions are destroyed, after which its name can't
    be reused; so an existing ring or key is imported, even one of an earlier stack. No setting replaces the
    key: names that lead to another one are refused.
    """

    key_ring: pulumi.Output[str]
    """The ring's resource name in Google's APIs."""
    key_id: pulumi.Output[str]
    """The key's resource name in Google's APIs."""

    def __init__(
        self, name: str, args: GoogleUnsealKeyArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("vault-autounseal:gcp:UnsealKey", name, None, opts)
        # The engine ignores `import` for a resource with that id in the state, and updates what it imports to
        # the settings (pulumi/pkg, step_generator.go).
        ring = gcp.kms.KeyRing(
            name,
            name=args.key.key_ring,
            location=args.key.location,
            project=args.project,
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=args.protect,
                retain_on_delete=True,
                import_=args.existing.ring_id,
                depends_on=[*args.prerequisites],
            ),
        )
        key = gcp.kms.CryptoKey(
            name,
            name=args.key.name,
            key_ring=ring.id,
            purpose=PURPOSE,
            rotation_period=_rotation_period(args.key),
            destroy_scheduled_duration=f"{args.key.destroy_scheduled_days * SECONDS_OF_A_DAY}s",
            labels=args.labels,
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=args.protect,
                retain_on_delete=args.key.retain_on_destroy,
                import_=args.existing.key_id,
                # A change of it would replace the key.
                ignore_changes=["destroyScheduledDuration"],
            ),
        )
        self.key_ring = ring.id
        self.key_id = key.id
        self.register_outputs({"key_ring": self.key_ring, "key_id": self.key_id})


def existing_key(key: KeySettings, *, project: str, api_gets_enabled: bool) -> ExistingKey:
    """Look up the ring and the key.

    Raises :class:`DeploymentError` if the look-up fails, and if the existing key can't be used.
    """
    ring_id, key_id = key.ring_id(project), key.key_id(project)
    options = pulumi.InvokeOptions(provider=google_provider(project))
    fix = (
        "Check project, key.location and key.keyRing, and that the Google credentials in use have "
        f"cloudkms.keyRings.list and cloudkms.cryptoKeys.list in project {project}."
    )
    try:
        rings = look_up(
            f"The key rings of project {project} in {key.location} can't be listed",
            fix,
            api=KMS,
            project=project,
            invoke=lambda: gcp.kms.get_key_rings(
                project=project, location=key.location, filter=f"name={ring_id}", opts=options
            ),
        ).key_rings
    except ApiOffError:
        if api_gets_enabled:
            # Without the API nothing can exist yet, and a preview enables nothing.
            return ExistingKey()
        raise
    if ring_id not in [ring.id for ring in rings]:
        return ExistingKey()
    keys = look_up(
        f"The keys of {ring_id} can't be listed",
        fix,
        api=KMS,
        project=project,
        invoke=lambda: gcp.kms.get_crypto_keys(key_ring=ring_id, filter=f"name={key_id}", opts=options),
    ).keys
    for found in keys:
        if found.id == key_id:
            _require_usable(found, key, project)
            return ExistingKey(ring_id=ring_id, key_id=key_id)
    return ExistingKey(ring_id=ring_id)


def _require_usable(found: Any, key: KeySettings, project: str) -> None:
    """Raise if Vault couldn't seal with the key; warn if its destroyScheduledDuration differs."""
    if found.purpose != PURPOSE:
        raise DeploymentError(
            f"The key {found.id} is for {found.purpose}, and a seal takes one for {PURPOSE}. Set key.name to "
            "another name."
        )
    primary = next(iter(found.primaries or []), None)
    state = primary.state if primary is not None else "missing"
    if state != "ENABLED":
        raise DeploymentError(
            _fix_of_version(key, project, state, primary.name if primary is not None else "")
        )
    wanted = f"{key.destroy_scheduled_days * SECONDS_OF_A_DAY}s"
    kept = found.destroy_scheduled_duration
    if kept and kept != wanted:
        pulumi.log.warn(
            f"The key {found.id} keeps its destroyScheduledDuration of {kept}, which Google fixes when a key "
            f"is made: key.destroyScheduledDays ({key.destroy_scheduled_days}) has no effect on it."
        )


def _fix_of_version(key: KeySettings, project: str, state: str, version: str) -> str:
    number = version.rpartition("/")[2] or "<number>"
    where = (
        f"{number} --key={key.name} --keyring={key.key_ring} --location={key.location} --project={project}"
    )
    what = f"The primary version of key {key.key_id(project)} is {state}, so Vault can't be sealed with it."
    enable = f"gcloud kms keys versions enable {where}"
    another = (
        "A key's name can't be used again: if nothing is sealed with the key any more, set key.name to "
        "another name."
    )
    if state == "DISABLED":
        return f"{what} Enable it: {enable}"
    if state == "DESTROY_SCHEDULED":
        return (
            f"{what} Its data can still be saved: gcloud kms keys versions restore {where}, then {enable}\n"
            f"{another}"
        )
    return (
        f"{what} If another version can take its place: gcloud kms keys set-primary-version {key.name} "
        f"--version=<number> --keyring={key.key_ring} --location={key.location} --project={project}\n"
        f"{another}"
    )


def _rotation_period(key: KeySettings) -> str | None:
    return f"{key.rotation_days * SECONDS_OF_A_DAY}s" if key.rotation_days else None
