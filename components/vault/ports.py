"""Names the ports that Vault listens on."""

API_PORT = 8200
