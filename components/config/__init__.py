"""Reads and validates settings."""
