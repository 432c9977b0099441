"""Uses a key of Azure Key Vault with the credentials of Vault's pods."""
