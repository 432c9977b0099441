"""Calls the Kubernetes API with kubectl, and describes managed clusters."""
