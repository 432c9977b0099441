"""The stand-in for the provider plugin `aws`, on botocore."""
