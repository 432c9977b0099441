"""Replaces Vault's pods one by one, until all run with the settings of the release."""
