"""Reads the settings of the one-time init: shares, PGP keys, adoption."""

from collections.abc import Sequence

import pulumi

from components.config.reader import ConfigReader
from components.custody.pgp_keys import PgpKeyError, load_public_key
from components.settings.images import ImageSettings
from components.settings.model import InitSettings

TOKEN_FOR_SHARES_SINCE = (2, 0)
"""Version of Vault from which on `sys/generate-root` and `sys/rekey` want a token beside the shares."""
WIPE_FIX = (
    "pulumi up deletes no volume any more, as there may be another Vault on it than it knows of; remove "
    "the setting. If a Vault's keys went to nobody, pulumi up proves it and prints the kubectl lines that "
    "delete its volumes"
)
REVOCATION_FIX = "a new root token can be made from the shares at any time"


def read_init(reader: ConfigReader, image: ImageSettings, token: pulumi.Output[str] | None) -> InitSettings:
    """Read the section `init`, and report what is wrong in it, or doesn't go with Vault's version."""
    shares = reader.integer("shares", 5, range(1, 256), "use 1 to 255")
    threshold = reader.integer("threshold", min(3, shares), range(1, 256), "use 1 to 255")
    if threshold > shares:
        reader.report("threshold", f"it can't be above the {shares} shares that there are")
    elif threshold == 1 and shares > 1:
        reader.report(
            "threshold", f"with 1 of {shares} shares any one holder is enough; use 2 or more, or 1 share"
        )
    init = InitSettings(
        shares=shares,
        threshold=threshold,
        adopt=reader.flag("adopt", False),
        adopted_keys_file=reader.text("adoptedKeysFile", None, fix="give the path of a file"),
        preflight=reader.flag("preflight", True),
        pgp_keys=_pgp_keys(reader, shares),
        root_token_pgp_key=_root_token_pgp_key(reader),
        revoke_root_token=reader.choice("rootToken", "keep", ("keep", "revoke"), REVOCATION_FIX) == "revoke",
        unauthenticated_generate_root=reader.flag("unauthenticatedGenerateRoot", False),
    )
    _require_way_back_in(reader, init, image, token)
    if init.revoke_root_token and init.root_token_pgp_key is not None:
        reader.report(
            "rootToken",
            "with rootTokenPgpKey only its holder can revoke it (vault token revoke -self); "
            "remove one of the two",
        )
    if reader.has("wipe"):
        reader.skip("wipe")
        reader.report("wipe", WIPE_FIX)
    reader.unknown_keys()
    return init


def _require_way_back_in(
    reader: ConfigReader, init: InitSettings, image: ImageSettings, token: pulumi.Output[str] | None
) -> None:
    """Report a root token that is revoked if nobody could get a new one, and a setting without an effect."""
    version = image.vault_version
    if version is None:
        return
    if version < TOKEN_FOR_SHARES_SINCE:
        if init.unauthenticated_generate_root:
            reader.report(
                "unauthenticatedGenerateRoot",
                f"Vault {image.tag} never wants a token for it; remove it, and set it together with an "
                "image.tag from 2.0 on",
            )
    elif init.revoke_root_token and token is None and not init.unauthenticated_generate_root:
        reader.report(
            "rootToken",
            f"Vault {image.tag} makes no new root token from the shares without a valid token, so nobody "
            "could get in again; set a token whose policy allows sys/generate-root/* (pulumi config set "
            "--secret token), or init.unauthenticatedGenerateRoot to true, or keep the root token",
        )


def _pgp_keys(reader: ConfigReader, shares: int) -> Sequence[str]:
    keys = reader.texts("pgpKeys", "give a list of PGP public keys: base64, or paths of files")
    if keys and len(keys) != shares:
        reader.report("pgpKeys", f"give {shares} keys, one for each of init.shares")
    loaded = []
    for position, key in enumerate(keys, start=1):
        try:
            loaded.append(load_public_key(key).base64)
        except PgpKeyError as error:
            reader.report("pgpKeys", f"key {position}: {error}")
    return tuple(loaded)


def _root_token_pgp_key(reader: ConfigReader) -> str | None:
    key = reader.text(
        "rootTokenPgpKey", None, fix="give a PGP public key: base64, or a path", max_length=65536
    )
    if key is None:
        return None
    try:
        return load_public_key(key).base64
    except PgpKeyError as error:
        reader.report("rootTokenPgpKey", str(error))
        return None


def require_consistent_adoption(
    reader: ConfigReader, init: InitSettings, token: pulumi.Output[str] | None
) -> None:
    """Report settings that are missing or superfluous for adopting an initialised Vault."""
    key = "adoptedKeys"
    reader.secret(key, f"set it as a secret: pulumi config set --secret {key}")
    given = reader.has(key) or init.adopted_keys_file is not None
    if given and not init.adopt:
        reader.report(
            key,
            "keys are taken over with the Vault that they belong to; set init.adopt to true, or remove them",
        )
    if reader.has(key) and init.adopted_keys_file is not None:
        reader.report(key, "init.adoptedKeysFile takes its place; remove one of the two")
    if init.adopt and not given and token is None:
        reader.report(
            "token",
            "to adopt a Vault, set a token that may read sys/storage/raft/autopilot/state "
            f"(pulumi config set --secret token), or its keys ({key}, or init.adoptedKeysFile)",
        )
