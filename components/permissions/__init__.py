"""Computes the permissions that running the program needs."""
