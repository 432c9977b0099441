"""Takes snapshots of Vault's raft storage to a file, and restores them."""
