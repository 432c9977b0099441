"""Connects to, configures and observes Vault's pods."""
