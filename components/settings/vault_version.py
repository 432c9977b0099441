"""Reads Vault's version from the tag of an image or the answer of a server."""

import re

VaultVersion = tuple[int, int, int]
"""Major, minor and patch version."""

FAILING: dict[VaultVersion, str] = {
    (1, 19, 17): "1.19.18",
    (1, 20, 11): "1.20.12",
    (1, 21, 6): "1.21.7",
    (2, 0, 1): "2.0.2",
}
"""Versions whose image doesn't start in a pod that may not lock memory, as the chart's may not, with the fix.

Source: https://github.com/hashicorp/vault/issues/31919, https://github.com/hashicorp/vault-helm/issues/1185
"""


def vault_version(text: str) -> VaultVersion | None:
    """Return the version that a tag such as ``1.18.1-ent`` begins with; None if it names something else."""
    found = re.match(r"v?(\d{1,2})\.(\d{1,3})\.(\d{1,3})(?![A-Za-z0-9_])", text)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def failing_image(tag: str) -> str | None:
    """Return why the image with that tag doesn't start, and what to use; None if it isn't known to fail."""
    version = vault_version(tag)
    if version is None or version not in FAILING:
        return None
    return (
        f"the image of Vault {version_text(version)} doesn't start in the chart's pods (Operation not "
        f"permitted; hashicorp/vault#31919); set image.tag to {FAILING[version]} or later"
    )


def version_text(version: VaultVersion) -> str:
    """Return the version as people write it."""
    return ".".join(map(str, version))
