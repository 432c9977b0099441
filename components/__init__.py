"""The components that take a Kubernetes cluster to an initialised, auto-unsealing Vault."""
