"""Keeps the answer of an init until it is stored."""
