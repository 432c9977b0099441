"""Lists the environment variables that would make Vault another one than the one that is configured.

Vault lets them take precedence over its configuration.
Source: `command/server.go`, `internalshared/configutil/env_var_util.go` and `physical/raft/config.go` of
Vault 1.18.1, and `wrappers/*` of go-kms-wrapping 2.
"""

import re
from collections.abc import Mapping

_BY_SEAL = "Vault would take it for the seal instead of what the stack provides; use seal and its settings"
_BY_CHART = "the chart sets it to the pod's name; remove it"
OWNED_VARIABLES: Mapping[str, str] = {
    r"VAULT_SEAL_TYPE(_\w+)?": _BY_SEAL,
    r"VAULT_(ALICLOUDKMS|AWSKMS|AZUREKEYVAULT|GCPCKMS|OCIKMS)_\w+": _BY_SEAL,
    r"(ALICLOUDKMS|AWSKMS|AZUREKEYVAULT|GCPCKMS|OCIKMS)_WRAPPER_\w+": _BY_SEAL,
    r"(VAULT_TRANSIT_SEAL|TRANSIT_WRAPPER)_(KEY_NAME|MOUNT_PATH)": _BY_SEAL,
    r"VAULT_RAFT_NODE_ID": _BY_CHART,
    r"VAULT_RAFT_PATH": "Vault's data are on the volume of dataStorage; remove it",
    r"VAULT_RAFT_RETRY_JOIN_AS_NON_VOTER": "every pod is a voter; remove it",
}
"""Pattern of a name, and what to do instead."""


def variable_problem(name: str) -> str | None:
    """Return why Vault's container can't have this variable; None if it can."""
    # The chart replaces dots and writes the names of plain variables in capital letters.
    written = name.replace(".", "_").upper()
    return next((fix for pattern, fix in OWNED_VARIABLES.items() if re.fullmatch(pattern, written)), None)
