"""Verifies, uses and replaces recovery and key shares."""
