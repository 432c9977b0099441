"""Lists what Vault writes in errors and its log, by what it means here.

The texts of Vault 1.18, with the file of its source that has them; no status or code tells these apart.
"""

import re

PASSING_STATES = (
    "Vault is sealed",
    "Vault is in standby mode",
    "Vault is not initialized",
    "server is not yet initialized",
    "no seal configuration found",
)
"""A temporary state; some have the status of a wrong request (sdk/helper/consts/error.go, vault/init.go)."""

SPEAKS_TLS = "Client sent an HTTP request to an HTTPS server"
"""The answer to plain HTTP where TLS is spoken (Go's net/http/server.go)."""

OTHER_SEAL = re.compile(r"seal type of \S+ does not match (expected|loaded) type")
"""Of the barrier or the recovery key (vault/seal.go, vault/seal_autoseal.go)."""

ALREADY_INITIALIZED = "Vault is already initialized"
"""The answer to a second init (vault/init.go)."""

INITIALIZED_LINE = "security barrier initialized"
"""Log line of Vault's core as soon as it has generated its keys (vault/core.go)."""

ROOT_GENERATION_RUNS = "already in progress"
"""Another attempt was started first (vault/generate_root.go)."""

ATTEMPT_ENDED = (
    "no root generation in progress",  # vault/generate_root.go
    "rekey in progress",  # vault/rekey.go, after "no barrier" or "no recovery"
    "rekey verification in progress",
    "incorrect nonce supplied",
)
"""The root generation or rekey is gone: the leader has changed, or somebody cancelled it."""

WRONG_SHARES = (
    "does not match submitted values",  # vault/seal_autoseal.go, VerifyRecoveryKey
    "message authentication failed",  # the key shares' key doesn't open the stored root key
    "root key verification failed",  # vault/generate_root.go
    "failed to compute root key",  # shamir.Combine: shares of unequal length
    "must be a valid hex or base64 string",
    "key is shorter than minimum",
    "key is longer than maximum",
    "has already been provided",
)
"""Shares of another Vault, or invalid ones. Other errors, such as of a key service that doesn't decrypt the
recovery key, say nothing about the shares."""
