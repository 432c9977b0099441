"""Goes on with the servers that are left when raft has lost its majority for good."""
