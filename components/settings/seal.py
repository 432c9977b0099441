"""Reads the settings of the seal, and of the one that Vault is migrated from."""

from components.config.reader import ConfigReader
from components.seals.seal import Seal, seal_class, seal_types
from components.settings.cloud import ClusterSettings


def read_seal_type(reader: ConfigReader) -> str:
    """Return the seal's type, by default that of the cloud."""
    default = "gcpckms" if reader.has("project") else "awskms"
    return reader.choice("seal", default, seal_types(), "docs/seals.md says when to choose which")


def read_seal(reader: ConfigReader, seal_type: str, cluster: ClusterSettings | None) -> Seal:
    """Read the seal of that type from its own sections."""
    seal = seal_class(seal_type).from_settings(reader, cluster.name if cluster is not None else None)
    if seal.needs_managed_cluster and cluster is None:
        reader.report(
            "clusterName",
            f"seal {seal_type} needs the name of the EKS cluster, which vouches for Vault's pods; on any "
            "other cluster set identity.kind to static",
        )
    return seal


def read_migrate_from(
    reader: ConfigReader, seal: Seal, cluster: ClusterSettings | None, project: str | None
) -> Seal | None:
    """Read the seal that Vault is migrated from; None if there is no `migrateFrom`."""
    key = "migrateFrom"
    section = reader.section(key)
    if not reader.has(key):
        return None
    others = [name for name in seal_types() if name != seal.type]
    fix = f"name the seal that Vault leaves: {', '.join(others)}"
    leaving_type = section.required_text("seal", "|".join(others), fix)
    if not leaving_type:
        return None
    kind = seal_class(leaving_type)
    elsewhere = "it belongs to another cloud than this stack, so its key can't be kept here"
    if (kind.cloud == "aws" and project is not None) or (kind.cloud == "google" and project is None):
        section.report("seal", elsewhere)
        return None
    leaving = kind.from_settings(section, cluster.name if cluster is not None else None)
    if leaving.needs_managed_cluster and cluster is None:
        section.report("seal", elsewhere)
        return None
    section.unknown_keys()
    return leaving


def report_other_seals_sections(reader: ConfigReader, seal: Seal) -> None:
    """Report sections that haven't been read and belong to a seal other than the stack's."""
    for name in reader.unread_keys():
        owners = [seal_type for seal_type in seal_types() if name in seal_class(seal_type).sections]
        if owners:
            belongs = f"it belongs to seal {' or '.join(owners)}, and the seal is {seal.type}; remove it"
            reader.not_applicable((name,), belongs)
