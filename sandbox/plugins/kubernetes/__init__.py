"""The stand-in for the provider plugin `kubernetes`, on the Kubernetes API and the helm binary."""
