"""Certificates of Vault's servers: the names in them, their judgement, and a certificate authority."""
