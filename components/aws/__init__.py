"""Looks up and creates what Vault needs in AWS."""
