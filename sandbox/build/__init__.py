"""Builds what the sandbox is made of: programs from their Go modules, and container images of them."""
