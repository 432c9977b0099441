"""Migrates a running Vault from one seal to another."""
