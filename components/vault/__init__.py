"""Reaches, configures and observes Vault's pods."""
