"""Looks up and creates the Google Cloud resources that Vault needs."""
