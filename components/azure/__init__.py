"""Uses a key of Azure Key Vault as Vault's pods will."""
