"""Implements the commands of `python -m components`."""
