"""Judges a stack of vault-autounseal: what production must not be without."""
