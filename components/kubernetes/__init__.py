"""Reaches the Kubernetes API by kubectl, and describes managed clusters."""
