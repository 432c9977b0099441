"""Stores the root token and the shares."""
