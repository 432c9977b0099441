"""Reads where the licence of Vault Enterprise is."""

from components.config.patterns import SECRET_KEY, SECRET_NAME
from components.config.reader import ConfigReader
from components.seals.seal import SecretEntry
from components.settings.images import ImageSettings


def read_license(reader: ConfigReader, image: ImageSettings) -> SecretEntry | None:
    """Read the section ``license``; the community's edition of Vault would use none."""
    if not reader.has("license"):
        return None
    section = reader.section("license")
    entry = SecretEntry(
        name=section.required_text("secret", SECRET_NAME, "name a Secret in Vault's namespace"),
        key=section.text("key", "license", SECRET_KEY, "name the key in the Secret's data"),
    )
    section.unknown_keys()
    if image.is_community_edition:
        reader.report(
            "license",
            f"{image.repository}:{image.tag} isn't Vault Enterprise; set image.repository and image.tag, "
            "such as hashicorp/vault-enterprise and 1.18.1-ent, or remove it",
        )
    return entry
