"""The commands of `python -m components`."""
