"""Offers the rules to the engine."""

# The folder of the pack is what the engine runs, so its package is found by this name there alone.
from guardrails.pack import offer  # type: ignore[import-not-found]

offer()
