"""The official chart: where it comes from, which values it has, and how a user's own are merged."""
