"""Keeps the root token and the shares."""
