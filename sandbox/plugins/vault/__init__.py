"""A stand-in for the provider plugin `vault`, for the resource types that examples/configure has."""
