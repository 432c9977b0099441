"""Verifies, uses and changes recovery and key shares."""
