"""Runs the one-time operator init, and takes over what is there already."""
