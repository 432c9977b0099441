"""Runs the one-time operator init, and adopts a Vault that is initialised already."""
