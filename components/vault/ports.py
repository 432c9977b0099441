"""Names the ports that Vault listens on."""

API_PORT = 8200
CLUSTER_PORT = 8201
"""Raft and forwarded requests, among the servers."""
