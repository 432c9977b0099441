"""The ports that Vault listens on."""

API_PORT = 8200
