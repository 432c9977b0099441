"""The stand-in for the provider plugin `gcp`, on Google's REST APIs."""
