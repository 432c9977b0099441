"""Declares the inputs of the one-time init, which are those of its resource."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, get_type_hints

from components.custody.key_custody import KeyCustody
from components.custody.key_record import KeyRecord
from components.errors import DeploymentError
from components.vault.pod_access import PodAccess

ANOTHER_KEY = "its holder has to extend or replace it (gpg --edit-key, expire or addkey)"
"""What to do about a PGP key that nothing can be encrypted to."""


@dataclass(frozen=True)
class InitInputs:
    """The inputs of the init, typed. Renaming one is an update of every stack."""

    access: PodAccess
    cluster_uid: str
    """Uid of the Kubernetes cluster."""
    seal_type: str
    migrate_from: str
    """Type of the seal that Vault is migrated from; empty for none."""
    seal_key: str
    """Name of the seal's key; empty with Shamir."""
    shares: int
    threshold: int
    pgp_keys: Sequence[str]
    """Base64, one per share; empty for plain shares."""
    root_token_pgp_key: str
    """Base64; empty for a plain root token."""
    adopt: bool
    adopted_keys_file: str
    """Path; empty for none."""
    custody: KeyCustody
    preflight: Mapping[str, Any]
    """Input of the seal's proof before the init; empty for no proof."""
    journal_key: str = field(repr=False)
    """Base64; encrypts the journal if the seal has no key service for it."""
    preflight_seconds: float
    pod_start_seconds: float
    deployment: str
    """Identifies this Vault: ``<uid of the Kubernetes cluster>/<namespace>/<StatefulSet>``."""
    adopted_keys: str = field(repr=False)
    """JSON of an init; a secret; empty for none."""
    token: str = field(repr=False)
    """The setting; a secret; empty for none."""
    others_install: bool = False
    """Whether others install Vault's release, and so may change its configuration alone."""

    def largest_record(self) -> KeyRecord:
        """Return a record at least as long as that of the keys, with none in it, to see whether it fits."""
        # Imported where it is used: it takes a part of a second, and only a store with a limit asks.
        from components.custody.pgp_keys import encrypt_share

        # A share has 33 bytes (shamir/shamir.go in Vault). Vault's own messages may be a little longer.
        share = base64.b64encode(bytes(33)).decode()
        shares = [encrypt_share(share, key) + "=" * 64 for key in self.pgp_keys] or [share] * self.shares
        token = "=" * 128
        if self.root_token_pgp_key:
            token = encrypt_share(base64.b64encode(bytes(128)).decode(), self.root_token_pgp_key)
        return KeyRecord(
            deployment=self.deployment,
            seal_type=self.seal_type,
            seal_key=self.seal_key,
            threshold=self.threshold,
            root_token=token,
            recovery_shares=shares,
            cluster_id="=" * 36,
            holders=holders_of(self.pgp_keys),
        )

    @staticmethod
    def from_properties(properties: Mapping[str, Any], adopted_keys: str, token: str = "") -> "InitInputs":
        """Return the inputs in the resource's properties; keys and token come from the configuration."""
        access = PodAccess.from_properties(properties["access"])
        deployment = f"{properties['cluster_uid']}/{access.target.namespace}/{access.statefulset}"
        converted: dict[str, Any] = {
            "access": access,
            "pgp_keys": tuple(properties["pgp_keys"]),
            "custody": KeyCustody.from_properties(properties["custody"], access.target, deployment),
            "preflight": properties["preflight"],
        }
        # The rest is texts, flags and numbers, which the engine may hand over as floats.
        types = get_type_hints(InitInputs)
        scalars = {name: types[name](properties[name]) for name in INPUTS if name not in converted}
        return InitInputs(
            **converted,
            **scalars,
            deployment=deployment,
            adopted_keys=adopted_keys,
            token=token,
            others_install=properties.get("release") == "others",
        )


_NO_PROPERTIES = ("deployment", "adopted_keys", "token", "others_install")
INPUTS = tuple(item.name for item in fields(InitInputs) if item.name not in _NO_PROPERTIES)
"""Names of the properties that the resource compares."""


def state_record(inputs: InitInputs, olds: Mapping[str, Any]) -> KeyRecord:
    """Return the keys that the state has, from the resource's properties in it."""
    return KeyRecord(
        deployment=inputs.deployment,
        seal_type=inputs.seal_type,
        seal_key=inputs.seal_key,
        threshold=int(olds["threshold"]),
        root_token=str(olds["root_token"]),
        recovery_shares=tuple(olds["recovery_shares"]),
        key_shares=tuple(olds["key_shares"]),
        shares_encrypted=bool(olds.get("pgp_keys")),
        holders=holders_of(olds.get("pgp_keys") or ()),
        root_token_encrypted=bool(olds.get("root_token_pgp_key")),
    )


def holders_of(pgp_keys: Sequence[str]) -> Sequence[str]:
    """Return the fingerprints of these PGP keys (base64); empty if there are none."""
    if not pgp_keys:
        return ()
    # Imported where it is used: only a stack with PGP keys needs it.
    from components.custody.pgp_keys import fingerprints

    return tuple(fingerprints(pgp_keys))


def made_with(inputs: InitInputs, record: KeyRecord) -> Mapping[str, Any]:
    """Return the properties that the keys were made with, for the state.

    The settings may have been changed since; the next update then makes shares of their numbers. Raises
    :class:`DeploymentError` if the shares, or the root token, are encrypted to other PGP keys than the
    settings have, as only their holders can make new ones.
    """
    if record.root_token and record.root_token_encrypted and not inputs.root_token_pgp_key:
        raise DeploymentError(
            "The root token is encrypted to a PGP key, and init.rootTokenPgpKey has none: set it as it was "
            "when Vault was initialised, and run pulumi up again."
        )
    made: dict[str, Any] = {"shares": len(record.shares), "threshold": record.threshold}
    if record.root_token and not record.root_token_encrypted:
        made["root_token_pgp_key"] = ""
    if not record.shares_encrypted:
        return {**made, "pgp_keys": []}
    same_number = len(inputs.pgp_keys) == len(record.shares)
    if not same_number or (record.holders and holders_of(inputs.pgp_keys) != record.holders):
        holders = ", ".join(record.holders) or "that aren't known here"
        raise DeploymentError(
            f"The {len(record.shares)} shares that are valid are encrypted, in this order, to the PGP keys "
            f"{holders}, and init.pgpKeys has others. Set init.pgpKeys, init.shares ({len(record.shares)}) "
            f"and init.threshold ({record.threshold}) as they were when the shares were made, and run pulumi "
            "up again: only the holders can make new ones."
        )
    return made


def proof_by_seal(old: Any, new: Any) -> Any:
    """Name the proof in a state as today, by the seal's type; versions before 0.1.0 named its module."""
    if not isinstance(old, dict) or "module" not in old:
        return old
    seal = new.get("seal") if isinstance(new, dict) else None
    return {"seal": seal, **{name: value for name, value in old.items() if name != "module"}}
