"""Looks up and creates the AWS resources that Vault needs."""
