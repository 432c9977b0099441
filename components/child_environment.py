"""Keeps the stack's settings out of the environment of the programs that this one starts."""

import os
from collections.abc import Mapping

_PASSPHRASE = "PULUMI_CONFIG_PASSPHRASE"  # noqa: S105 - a variable's name


def environment_without_settings(*, passphrase: bool) -> Mapping[str, str]:
    """Return the environment without the settings, which Pulumi passes to its program decrypted.

    They are in `PULUMI_CONFIG` and in variables that begin so (pulumi/runtime/config.py). ``passphrase``:
    whether that of the state stays, whose name begins so, too; Pulumi's own CLI may want it.
    """
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PULUMI_CONFIG") or (passphrase and name.startswith(_PASSPHRASE))
    }
