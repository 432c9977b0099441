"""Reads and checks settings, whoever they belong to."""
