"""Uses another Vault's transit engine with the token of Vault's pods."""
