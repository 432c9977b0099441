"""Uses another Vault's transit engine as Vault's pods will."""
