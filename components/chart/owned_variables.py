"""Lists the environment variables that would make Vault another one than the one that is configured.

Vault lets them take precedence over its configuration.
Source: `command/server.go`, `internalshared/configutil/env_var_util.go` and `physical/raft/config.go` of
Vault 1.18.1, and `wrappers/*` of go-kms-wrapping 2.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase

_BY_SEAL = "Vault would prefer it to the seal that the stack provides; use seal and its settings"
OWNED_VARIABLES: Mapping[str, str] = {
    "VAULT_SEAL_TYPE*": _BY_SEAL,
    "VAULT_*KMS_*": _BY_SEAL,
    "*KMS_WRAPPER_*": _BY_SEAL,
    "VAULT_AZUREKEYVAULT_*": _BY_SEAL,
    "AZUREKEYVAULT_WRAPPER_*": _BY_SEAL,
    "VAULT_TRANSIT_SEAL_KEY_NAME": _BY_SEAL,
    "VAULT_TRANSIT_SEAL_MOUNT_PATH": _BY_SEAL,
    "TRANSIT_WRAPPER_KEY_NAME": _BY_SEAL,
    "TRANSIT_WRAPPER_MOUNT_PATH": _BY_SEAL,
    "VAULT_RAFT_NODE_ID": "the chart sets it to the pod's name; remove it",
    "VAULT_RAFT_PATH": "Vault's data are on the volume of dataStorage; remove it",
    "VAULT_RAFT_RETRY_JOIN_AS_NON_VOTER": "every pod is a voter; remove it",
}
"""Name, in which `*` is anything, and what to do instead."""


def variable_problem(name: str) -> str | None:
    """Return why Vault's container can't have this variable; None if it can."""
    # The chart replaces dots and writes the names of plain variables in capital letters.
    written = name.replace(".", "_").upper()
    return next((fix for pattern, fix in OWNED_VARIABLES.items() if fnmatchcase(written, pattern)), None)
